//! Each right that is missing is found by trying, and the GRANT that is shown is enough.

use mysql::prelude::Queryable;
use tisync::commands::init::lacks;
use tisync::event;
use tisync::mysql::address::Target;
use tisync::mysql::session::Session;
use tisync::playground::mariadb::PrivateServer;

const RIGHTS: [&str; 9] = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "CREATE VIEW"];

#[test]
fn each_right_is_tried_by_itself() {
    let server = PrivateServer::start().expect("MariaDB starts");
    let mut root = server.connect().unwrap();
    root.query_drop("CREATE DATABASE `a_b`").unwrap();
    for (number, without) in RIGHTS.iter().enumerate() {
        let user = format!("u{number}");
        let others: Vec<&str> = RIGHTS.into_iter().filter(|r| r != without).collect();
        root.query_drop(format!("CREATE USER {user}@127.0.0.1")).unwrap();
        root.query_drop(format!("GRANT {} ON `a_b`.* TO {user}@127.0.0.1", others.join(", "))).unwrap();
        root.query_drop(format!("GRANT {} ON tidb_binlog.* TO {user}@127.0.0.1", RIGHTS.join(", "))).unwrap();
        let target = format!("mysql://{user}@127.0.0.1:{}", server.port());
        let open = || Session::open(&Target::parse(&target, &event::silent()).unwrap()).unwrap();
        let found = lacks(&mut open(), &["a_b".to_owned()]).unwrap();
        let [lack] = found.as_slice() else { panic!("without {without}: {found:?}") };
        assert_eq!((lack.database.as_str(), lack.rights.as_slice()), ("a_b", &[*without][..]));
        root.query_drop(&lack.grant).unwrap();
        assert_eq!(lacks(&mut open(), &["a_b".to_owned()]).unwrap(), []);
    }
    // What was tried has left nothing behind.
    let tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema IN ('a_b', 'tidb_binlog')";
    assert_eq!(root.query_first::<u8, _>(tables).unwrap(), Some(0));
}
