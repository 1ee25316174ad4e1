//! One link, one database, runs that begin and end, and the statements that they leave behind.

use std::sync::{Arc, Mutex};

use mysql::Conn;
use mysql::prelude::Queryable;
use tisync::checkpoint::{Intent, Link, LinkRow, take};
use tisync::event::{Event, Events};
use tisync::mark::{Origin, Writer};
use tisync::model::Mark;
use tisync::model::{CommitTs, Ddl, Table};
use tisync::mysql::address::Target;
use tisync::mysql::error::SessionError;
use tisync::mysql::session::Session;
use tisync::playground::mariadb::PrivateServer;
use tisync::sink::mysql::PendingDdl;
use tisync::sink::mysql::ddl::skipped::Skipped;
use tisync::sink::mysql::ddl::{Begun, DdlContext, DdlPolicy, Ran, Settled, announce, resume, run, settle};
use tisync::stop::Stop;

pub const TS: CommitTs = CommitTs(420_747_102_018_863_124);
pub const JOB: i64 = 55;

pub struct World<'a> {
    pub server: &'a PrivateServer,
    pub url: String,
    pub db: String,
    pub conn: Conn,
    pub heard: Arc<Mutex<Vec<String>>>,
    pub word: Option<PendingDdl>,
    pub policy: DdlPolicy,
    pub stop: Stop,
    /// On a server with a mark table everything is done with marks.
    pub mark: Option<Mark>,
}

/// A run: its connection and the link that it owns.
pub struct Run {
    pub session: Session,
    pub link: Link,
    pub intent: Option<Intent>,
}

impl<'a> World<'a> {
    pub fn new(server: &'a PrivateServer, db: &str) -> Self {
        let mut conn = server.connect().unwrap();
        conn.query_drop("SET NAMES utf8mb4").unwrap();
        conn.query_drop(format!("CREATE DATABASE `{db}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")).unwrap();
        conn.query_drop(format!("USE `{db}`")).unwrap();
        let table: Option<String> = conn.query_first("SHOW TABLES FROM retl").ok().flatten();
        Self {
            mark: table.map(|_| Mark::drainers(5)),
            server,
            url: server.url(),
            db: db.to_owned(),
            conn,
            heard: Arc::default(),
            word: None,
            policy: DdlPolicy::default(),
            stop: Stop::default(),
        }
    }

    /// From here on as an account with all rights on the databases, and none beyond them.
    pub fn without_process(mut self) -> Self {
        self.run("CREATE USER IF NOT EXISTS blind@'%', blind@localhost");
        for database in [&self.db, "tidb_binlog", "made", "retl"] {
            self.conn.query_drop(format!("GRANT ALL ON `{database}`.* TO blind@'%', blind@localhost")).unwrap();
        }
        self.url = format!("mysql://blind@127.0.0.1:{}", self.server.port());
        self
    }

    pub fn events(&self) -> Events {
        let heard = self.heard.clone();
        Arc::new(move |event| {
            let text = match event {
                Event::Note(text) | Event::Warning(text) => text,
                Event::Waiting { what, .. } => format!("waiting for {what}"),
                _ => return,
            };
            heard.lock().unwrap().push(text);
        })
    }

    pub fn heard(&self, text: &str) -> bool {
        self.heard.lock().unwrap().iter().any(|h| h.contains(text))
    }

    pub fn run(&mut self, sql: &str) {
        self.conn.query_drop(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    }

    /// Rows as text, columns joined by `|`, NULL as `~`.
    pub fn rows(&mut self, sql: &str) -> String {
        let rows: Vec<mysql::Row> = self.conn.query(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        let text = |value: mysql::Value| match value {
            mysql::Value::NULL => "~".to_owned(),
            mysql::Value::Bytes(b) => String::from_utf8(b).unwrap(),
            other => panic!("{other:?}"),
        };
        let rows = rows.into_iter().map(|r| r.unwrap().into_iter().map(text).collect::<Vec<_>>().join("|"));
        rows.collect::<Vec<_>>().join(";")
    }

    pub fn open(&self, url: &str) -> Session {
        let mut session = Session::open(&Target::parse(url, &self.events()).unwrap()).unwrap();
        let mark = self.mark.clone();
        session.set_prelude(mark.map(|mark| Writer::new(mark, 88, &self.db, self.events()).carrier(0)));
        session
    }

    /// `sql` as a run sends it.
    pub fn sent(&self, sql: &str) -> String {
        let origin = self.mark.as_ref().map(|mark| Origin { channel: mark.channel, cluster_id: 88, ts: TS });
        origin.map_or_else(|| sql.to_owned(), |origin| format!("{origin} {sql}"))
    }

    /// A new run, which takes the link over.
    pub fn start(&self) -> Run {
        let mut session = self.open(&self.url);
        let taken = take(&mut session, 88, &self.db, 0, &self.events()).unwrap();
        Run { session, link: taken.link, intent: taken.intent }
    }

    fn with<T>(
        &self,
        session: &mut Session,
        link: &Link,
        work: impl FnOnce(&mut DdlContext<'_>) -> Result<T, SessionError>,
    ) -> anyhow::Result<T> {
        let events = self.events();
        let mut policy = self.policy.clone();
        let mut context = DdlContext {
            session,
            link,
            policy: &mut policy,
            asker: None,
            word: self.word,
            stop: &self.stop,
            events: &events,
        };
        Ok(work(&mut context)?)
    }

    /// Stores the intent of the first statement, as a run does that is killed behind it.
    pub fn announce(&self, run: &mut Run, ddl: &Ddl, statements: &[&str]) {
        let mut begun = Begun::new(ddl, statements.iter().map(ToString::to_string).collect());
        self.with(&mut run.session, &run.link, |g| announce(g, (TS, JOB), &mut begun, 0, Some(ddl))).unwrap();
    }

    /// The same of a later one of them.
    pub fn announce_step(&self, run: &mut Run, ddl: &Ddl, statements: &[&str], step: usize) {
        let mut begun = Begun::new(ddl, statements.iter().map(ToString::to_string).collect());
        self.with(&mut run.session, &run.link, |g| announce(g, (TS, JOB), &mut begun, step, None)).unwrap();
    }

    pub fn settle(&self, run: &mut Run) -> anyhow::Result<Settled> {
        let intent = run.intent.take().expect("an intent");
        self.with(&mut run.session, &run.link, |g| settle(g, &intent))
    }

    pub fn apply(&self, run: &mut Run, ddl: &Ddl) -> anyhow::Result<Ran> {
        let Run { session, link, .. } = run;
        self.with(session, link, |g| run_ddl(g, ddl))
    }

    pub fn resume(&self, session: &mut Session, link: &Link, ddl: &Ddl) -> anyhow::Result<Ran> {
        self.with(session, link, |g| resume(g, &Skipped::default(), TS, ddl))
    }

    pub fn state(&self, run: &mut Run) -> LinkRow {
        run.link.state(&mut run.session).map_err(anyhow::Error::from).unwrap()
    }
}

fn run_ddl(context: &mut DdlContext<'_>, ddl: &Ddl) -> Result<Ran, SessionError> {
    run(context, &Skipped::default(), TS, ddl)
}

pub fn ddl(db: &str, action: u8, query: &str) -> Ddl {
    Ddl {
        job_id: JOB,
        action: action.into(),
        schema: db.to_owned(),
        table: String::new(),
        query: query.to_owned(),
        after: vec![],
        before: vec![],
        ..Ddl::default()
    }
}

/// An error as an operator sees it: the whole chain, and the hint.
pub fn said(error: &anyhow::Error) -> String {
    let hint = tisync::error::fault(error).map(|f| f.hint.clone()).unwrap_or_default();
    format!("{error:#}\n=> {hint}")
}

/// A table's definition upstream: its name and columns are all that counts here.
pub fn shape(db: &str, name: &str, columns: &[&str]) -> Arc<Table> {
    use tisync::model::{Column, Generated, Handle, Kind, Value};
    let column = |(i, name): (usize, &&str)| Column {
        id: i as i64,
        name: (*name).to_owned(),
        kind: Kind::Int { bytes: 4, unsigned: false },
        nullable: true,
        generated: Generated::No,
        hidden: false,
        missing: Value::Null,
    };
    Arc::new(Table {
        id: 7,
        schema: db.to_owned(),
        name: name.to_owned(),
        columns: columns.iter().enumerate().map(column).collect(),
        keys: vec![],
        handle: Handle::RowId,
        foreign_keys: vec![],
        partitions: vec![],
        charset: "utf8mb4".to_owned(),
        collation: String::new(),
        details: None,
    })
}
