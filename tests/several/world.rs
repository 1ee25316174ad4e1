//! Two mirrored servers, and a tisync.toml with a link each way.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mysql::prelude::{FromRow, Queryable};
use tempfile::TempDir;
use tisync::event;
use tisync::playground::mirror::{Mirror, MirrorOptions};

use crate::common::binary::tisync;
use crate::common::run::Running;

pub const LIMIT: Duration = Duration::from_secs(60);

/// A tisync.toml in a folder of its own.
pub struct File {
    _dir: TempDir,
    path: PathBuf,
}

impl File {
    pub fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tisync.toml");
        std::fs::write(&path, text).unwrap();
        Self { _dir: dir, path }
    }

    pub fn name(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// `tisync sync` with it.
    pub fn sync(&self, more: &[&str]) -> Running {
        let args = ["sync", "--config", self.name()].into_iter().chain(more.iter().copied()).map(str::to_owned);
        Running::start(&args.collect::<Vec<_>>())
    }
}

pub struct World {
    pub a: Arc<Mirror>,
    pub b: Arc<Mirror>,
    pub file: File,
}

impl World {
    /// Both servers have the mark table, and the links begin behind it. DDL goes from A to B.
    pub fn start(cluster_id: u64) -> Self {
        let mirror = |n: u8| {
            let options = MirrorOptions {
                cluster_id: cluster_id + u64::from(n),
                auto_increment_offset: Some(n),
                fakes: Duration::from_millis(100),
                events: event::silent(),
            };
            Arc::new(Mirror::start(options).expect("MariaDB starts"))
        };
        let (a, b) = (mirror(1), mirror(2));
        tisync(&["mark", "setup", "--to", &a.url(), "--to", &b.url(), "--channel-id", "7"]).expect(0);
        let cluster = |name: &str, mirror: &Mirror| {
            mirror.wait_caught_up(LIMIT).expect("the mirror follows");
            let pd = mirror.cluster().pd_url().replace("pd://", "");
            format!("[cluster.{name}]\npd = [\"{pd}\"]\nsql = \"{}\"\n", mirror.url())
        };
        let link = |from: &str, to: &str, mirror: &Mirror, more: &str| {
            format!(
                "[[link]]\nname = \"{from}-{to}\"\nfrom = \"{from}\"\nto = \"{to}\"\nstart-ts = {}\nloopback = true\n\
                 channel-id = 7\n{more}\n",
                mirror.cluster().tso()
            )
        };
        let clusters = cluster("a", &a) + &cluster("b", &b);
        let file = File::new(&(clusters + &link("a", "b", &a, "") + &link("b", "a", &b, "ddl = false")));
        Self { a, b, file }
    }
}

pub fn sql(mirror: &Mirror, statement: &str) {
    mirror.connect().unwrap().query_drop(statement).unwrap_or_else(|e| panic!("{statement}: {e}"));
}

/// The first column of the first row; `None` where there is none, or no such table yet.
pub fn one<T: FromRow>(mirror: &Mirror, query: &str) -> Option<T> {
    mirror.connect().unwrap().query_first(query).ok().flatten()
}

/// Waits until `query` gives `wanted`, as long as the run goes on.
#[track_caller]
pub fn until(run: &mut Running, mirror: &Mirror, query: &str, wanted: i64) {
    let begin = Instant::now();
    run.until(query, || {
        assert!(begin.elapsed() < LIMIT, "not within {LIMIT:?}: {query} = {wanted}");
        sleep(Duration::from_millis(40));
        one::<i64>(mirror, query) == Some(wanted)
    });
}
