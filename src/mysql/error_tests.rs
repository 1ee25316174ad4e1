//! Tests of the classes of server errors, and of their explanations.

use super::*;
use crate::error::{exit_code, fault};

fn said(code: u16, message: &str) -> mysql::Error {
    mysql::Error::MySqlError(mysql::MySqlError { state: "HY000".into(), message: message.into(), code })
}

#[test]
fn a_refusal_for_good_is_no_lack_of_a_connection() {
    for (code, exit, sure) in [(1832, 4, 4), (1105, 4, 4), (1064, 4, 4), (1114, 3, 4), (1142, 3, 3), (1290, 3, 3)] {
        let error = said(code, "no");
        assert_eq!(exit_code(&explain(&error, "it did not work")), exit, "{code}");
        let refused = refuse(&error, "it did not work", "or do without");
        assert_eq!(exit_code(&refused), sure, "{code}");
        assert!(fault(&refused).unwrap().hint.ends_with("or do without"), "{refused:#}");
        assert_eq!(format!("{refused:#}"), format!("it did not work: error {code} (HY000): no"));
    }
}

#[test]
fn what_passes_by_itself_is_told_from_what_does_not() {
    for (code, message, class) in [
        (8027, "Information schema is out of date: schema failed to update in 1 lease", Class::Connection),
        (8028, "Information schema is changed during the execution of the statement", Class::Contention),
        (8005, "Write conflict, txnStartTS 1 is stale", Class::Contention),
        (9008, "Store token is up to the limit, store id = 1", Class::Contention),
        (9010, "TiKV server reports stale command", Class::Contention),
        (9011, "TiKV max timestamp is not synced", Class::Contention),
        (8147, "transaction aborted because lazy uniqueness check is enabled: Write conflict", Class::Contention),
        (8147, "transaction aborted because lazy …: [kv:1062]Duplicate entry '1' for key", Class::Duplicate),
        (3101, "Plugin instructed the server to rollback the current transaction.", Class::Contention),
        (1180, "Got error 149 \"Lock deadlock; Retry transaction\" during COMMIT", Class::Contention),
        (1180, "Got error 28 \"No space left on device\" during COMMIT", Class::Full),
        (1105, "EncodeRow error: data and columnID count not match 5 vs 4", Class::Contention),
        (1105, "rpc error: code = Unavailable desc = keepalive ping failed", Class::Contention),
        (1105, "unknown error", Class::Other),
        (1047, "WSREP has not yet prepared node for application use", Class::Connection),
        (1047, "Unknown command", Class::Other),
        (1226, "User 'u' has exceeded the 'max_user_connections' resource (current value: 4)", Class::Connection),
    ] {
        assert_eq!(classify(&said(code, message)), class, "{code} {message}");
    }
}

#[test]
fn a_limit_is_called_by_its_name() {
    for (code, message, word) in [
        (8004, "Transaction is too large, size: 104857600", "performance.txn-total-size-limit"),
        (8025, "entry too large, the max entry size is 6291456", "performance.txn-entry-size-limit"),
        (1153, "Got a packet bigger than 'max_allowed_packet' bytes", "raise max_allowed_packet"),
        (1040, "Too many connections", "--workers"),
        (1203, "User u already has more than 'max_user_connections' active connections", "--workers"),
        (1226, "User 'u' has exceeded the 'max_user_connections' resource (current value: 4)", "--workers"),
        (1226, "User 'u' has exceeded the 'max_updates' resource", "MAX_UPDATES_PER_HOUR"),
    ] {
        let error = explain(&said(code, message), "it did not work");
        let hint = &fault(&error).unwrap().hint;
        assert!(hint.contains(word), "{code}: {hint}");
        assert_eq!(exit_code(&error), if classify(&said(code, message)) == Class::Connection { 3 } else { 4 });
    }
}
