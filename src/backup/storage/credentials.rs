//! AWS's files in the home directory, which the library leaves out of its chain: keys of a profile.

use std::env;
use std::fs;
use std::path::PathBuf;

/// What a profile says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) keys: Option<(String, String)>,
    pub(super) token: Option<String>,
    pub(super) region: Option<String>,
}

/// The profile of the environment (`AWS_PROFILE`, or `default`), as far as the files tell. The environment's own keys go before it.
pub(super) fn profile() -> Profile {
    let name = env::var("AWS_PROFILE").ok().filter(|n| !n.is_empty()).unwrap_or_else(|| "default".to_owned());
    let home = env::var_os("HOME").map(PathBuf::from);
    let file = |variable: &str, own: &str| {
        let named = env::var_os(variable).map(PathBuf::from);
        let path = named.or_else(|| home.as_ref().map(|h| h.join(".aws").join(own)));
        path.and_then(|p| fs::read_to_string(p).ok()).unwrap_or_default()
    };
    let credentials = file("AWS_SHARED_CREDENTIALS_FILE", "credentials");
    let config = file("AWS_CONFIG_FILE", "config");
    read(&credentials, &config, &name)
}

fn read(credentials: &str, config: &str, name: &str) -> Profile {
    let in_config = if name == "default" { name.to_owned() } else { format!("profile {name}") };
    let value = |key: &str| find(credentials, name, key).or_else(|| find(config, &in_config, key));
    Profile {
        keys: value("aws_access_key_id").zip(value("aws_secret_access_key")),
        token: value("aws_session_token"),
        region: value("region"),
    }
}

/// The value of `key` in a section of an INI file.
fn find(text: &str, section: &str, key: &str) -> Option<String> {
    let mut inside = false;
    for line in text.lines().map(str::trim).filter(|l| !l.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            inside = name.trim() == section;
        } else if inside
            && let Some((name, value)) = line.split_once('=')
            && name.trim().eq_ignore_ascii_case(key)
        {
            return Some(value.trim().to_owned()).filter(|v| !v.is_empty());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_of_both_files() {
        let credentials = "[default]\naws_access_key_id = a\n# aws_secret_access_key = no\naws_secret_access_key=b=\n\n[ops]\nAWS_ACCESS_KEY_ID=c\n";
        let config =
            "[default]\nregion = eu-central-1\n[profile ops]\naws_secret_access_key = d\naws_session_token = t\n";
        let default = read(credentials, config, "default");
        assert_eq!(default.keys, Some(("a".into(), "b=".into())));
        assert_eq!(default.region.as_deref(), Some("eu-central-1"));
        let ops = read(credentials, config, "ops");
        assert_eq!((ops.keys, ops.token), (Some(("c".into(), "d".into())), Some("t".into())));
        assert_eq!(read(credentials, config, "none"), Profile::default());
    }
}
