use super::*;

#[test]
fn local_addresses() {
    for (address, path) in [
        ("dump", "dump"),
        ("/b/full", "/b/full"),
        ("local:///b/full", "/b/full"),
        ("file:///b/a%20%25b", "/b/a %b"),
        ("LOCAL:///b?access-key=k", "/b"),
        ("a%20b", "a%20b"),
    ] {
        assert_eq!(local_path(address).unwrap(), Path::new(path), "{address}");
    }
}

#[test]
fn other_addresses_are_refused_without_their_secrets() {
    for address in [
        "",
        "local://b/full",
        "hdfs://id:geheim@bucket/p?secret-access-key=geheim",
        "nope://x",
        "file:///b/%2",
        "file:///b/%zz",
        "file:///%ff",
    ] {
        let error = local_path(address).unwrap_err();
        let fault = crate::error::fault(&error).unwrap();
        assert_eq!((fault.kind, fault.hint.is_empty()), (crate::error::Kind::Usage, false), "{address}");
        assert!(!format!("{error:#}{}", fault.hint).contains("geheim"), "{error:#}");
    }
}

#[test]
fn signatures_and_keys_are_not_shown() {
    let address = Address::parse("azure://c/p?sas-token=sv%3D1%26sig%3Dgeheim").unwrap().unwrap();
    let text = hidden(&address, "error sending (https://h/c/p?sig=abc&se=1) and sv=1&sig=geheim: \"http://h?x\" end?");
    assert_eq!(text, "error sending (https://h/c/p?…) and …: \"http://h?…\" end?");
}

#[test]
fn the_region_that_an_answer_names() {
    assert_eq!(region("<Error><Region>eu-central-1</Region></Error>"), Some("eu-central-1"));
    assert_eq!(region("the region 'x' is wrong; expecting 'eu-west-1'"), Some("eu-west-1"));
    assert_eq!(region("nothing"), None);
}
