//! The last gate for secrets: whatever a message repeats of an address, its password and its keys are not shown. Addresses with passwords are warned of
//! where they are read; this is for messages that name something else by what was typed.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// A password in front of a host, up to the last `@` of the word: one that is badly written may hold anything.
const ACCOUNT: &str = r"(?P<before>://[^\s:@/?#]*:)[^\s]*@";
/// Parameters of an address, and options of object storage, whose values are secret. A hint says `…` where one goes.
const PARAMETER: &str = r#"(?i)(?P<before>\b(?:secret[-_]access|access|account|encryption)[-_]key=|\b(?:session|sas)[-_]token=|\b(?:aws_)?secret[-_]key=|\bpassword=|\bsig(?:nature)?=)[^\s&'"`…][^\s&'"`]*"#;

static SECRETS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| [ACCOUNT, PARAMETER].into_iter().filter_map(|text| Regex::new(text).ok()).collect());

/// `text` without the passwords and keys of the addresses in it.
#[must_use]
pub fn hidden(text: &str) -> Cow<'_, str> {
    let mut out = Cow::Borrowed(text);
    for (at, secret) in SECRETS.iter().enumerate() {
        if secret.is_match(&out) {
            let end = if at == 0 { "@" } else { "" };
            let shown = secret.replace_all(&out, |found: &Captures<'_>| format!("{}***{end}", &found["before"]));
            out = Cow::Owned(shown.into_owned());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_an_address_is_shown() {
        assert_eq!(SECRETS.len(), 2);
        for (text, shown) in [
            ("mysql://u:geheim@h:1/?a=b", "mysql://u:***@h:1/?a=b"),
            ("mysql://u:ge:he/i?m@x@h", "mysql://u:***@h"),
            ("no folder http://:geheim@h/x: gone", "no folder http://:***@h/x: gone"),
            (
                "s3:/b?access-key=geheim&secret_access_key=gehe%2Fim&region=x y",
                "s3:/b?access-key=***&secret_access_key=***&region=x y",
            ),
            ("azure://c?sas-token=geheim'", "azure://c?sas-token=***'"),
            ("azure://c?Account-Key=geheim", "azure://c?Account-Key=***"),
            ("mysql://u@h:3306/?password=geheim", "mysql://u@h:3306/?password=***"),
        ] {
            assert_eq!(hidden(text), shown);
        }
        for same in [
            "mysql://u@h:3306/?ssl-key=k.pem&password-file=/p, TISYNC_TARGET_PASSWORD, password-file= or ~/.my.cnf",
            "pd://10.0.0.1:2379,10.0.0.2:2379 and u@h",
            "Access denied for user 'u'@'h' (using password: NO)",
            "PRIMARY KEY=`a`",
            "give a key: ?account-name=…&account-key=… or &sas-token=…",
        ] {
            assert_eq!(hidden(same), same);
        }
    }
}
