//! PD addresses as operators write them: `pd://h:p,h2:p2`, `http(s)://h:p`, bare `h:p`, comma lists of any of these.

use anyhow::Result;

use crate::error::Fault;

/// One PD server to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `host:port`; an IPv6 host keeps its brackets.
    pub address: String,
    /// Whether it was written as `https://`.
    pub tls: bool,
}

/// Reads every address of `texts`, in order, each once.
///
/// # Errors
/// A usage fault that names the address that is none.
pub fn endpoints(texts: &[String]) -> Result<Vec<Endpoint>> {
    let mut found = Vec::new();
    for item in texts.iter().flat_map(|t| t.split(',')).map(str::trim).filter(|t| !t.is_empty()) {
        let endpoint = endpoint(item)?;
        if !found.contains(&endpoint) {
            found.push(endpoint);
        }
    }
    if found.is_empty() {
        return Err(wrong("no PD address was given"));
    }
    Ok(found)
}

fn endpoint(text: &str) -> Result<Endpoint> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let tls = match scheme {
        "" | "pd" | "http" => false,
        "https" => true,
        _ => return Err(wrong(&format!("`{scheme}://` is no scheme of a PD address"))),
    };
    if rest.contains('@') {
        // Not shown: what stands before the @ may be a password.
        return Err(wrong("a PD address has no user or password"));
    }
    let address = rest.trim_end_matches('/');
    let Some((host, port)) = address.rsplit_once(':') else {
        return Err(wrong(&format!("the PD address `{text}` has no port")));
    };
    let bare_v6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
    if host.is_empty() || bare_v6 || host.contains(['/', '?', '#', ' ']) || !matches!(port.parse::<u16>(), Ok(1..)) {
        return Err(wrong(&format!("`{text}` is no PD address")));
    }
    Ok(Endpoint { address: address.to_owned(), tls })
}

fn wrong(message: &str) -> anyhow::Error {
    Fault::usage(message)
        .hint("write it as `pd://10.0.0.1:2379`, with several servers as `pd://10.0.0.1:2379,10.0.0.2:2379`")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<String> {
        endpoints(&[text.to_owned()]).unwrap().into_iter().map(|e| e.address).collect()
    }

    #[test]
    fn every_way_to_write_it() {
        assert_eq!(parsed("pd://a:2379,b:2380"), ["a:2379", "b:2380"]);
        assert_eq!(parsed("http://a:1, http://b:2/ ,a:1,"), ["a:1", "b:2"]);
        assert_eq!(parsed("10.0.0.1:2379"), ["10.0.0.1:2379"]);
        assert_eq!(parsed("https://[::1]:2379"), ["[::1]:2379"]);
        assert!(endpoints(&["https://a:1".into()]).unwrap()[0].tls);
    }

    #[test]
    fn what_is_none() {
        for text in
            ["", ",", "host", "host:0", "host:x", "host:99999", "mysql://h:1", "::1:2379", "h:1/v3", ":1", "a b:1"]
        {
            let error = endpoints(&[text.to_owned()]).unwrap_err();
            let fault = crate::error::fault(&error).unwrap();
            assert_eq!(fault.kind, crate::error::Kind::Usage, "{text}");
            assert!(fault.hint.contains("pd://"));
        }
        let error = endpoints(&["http://root:secret@h:1".into()]).unwrap_err();
        assert!(!format!("{error:?}").contains("secret"));
    }
}
