//! Two MariaDBs, one replicating from the other, behind one address: what a run sees of a fail-over.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use mysql::Conn;
use mysql::prelude::Queryable;
use tisync::playground::mariadb::PrivateServer;

/// How long the replica may take to catch up, in seconds.
const LIMIT: u32 = 60;
/// How often the listener looks whether it should go on.
const TICK: Duration = Duration::from_millis(2);

/// A primary with a replica, and the address that clients know. The replica replicates asynchronously.
pub struct Failover {
    primary: PrivateServer,
    replica: PrivateServer,
    address: Address,
}

impl Failover {
    /// Starts both with these options besides those of replication; the address leads to the primary.
    pub fn start(extra: &[&str]) -> Self {
        let start = |id: &str| {
            // Replicated transactions are in the replica's binlog as well, so that it can be replicated from in its turn.
            let mut options = vec!["--log-bin=log", "--log-slave-updates", "--binlog-format=ROW", id];
            options.extend_from_slice(extra);
            PrivateServer::start_with(&options).expect("starts")
        };
        let (primary, replica) = (start("--server-id=1"), start("--server-id=2"));
        let address = Address::start(primary.port()).expect("a port");
        let pair = Self { primary, replica, address };
        let follow = format!(
            "CHANGE MASTER TO master_host = '127.0.0.1', master_port = {}, master_user = 'root', master_password = '', \
             master_use_gtid = slave_pos, master_ssl = 0, master_ssl_verify_server_cert = 0, master_connect_retry = 1",
            pair.primary.port()
        );
        let mut replica = pair.replica();
        replica.query_drop(follow).expect("accepted");
        replica.query_drop("SET GLOBAL read_only = 1").expect("set");
        drop(replica);
        pair.resume();
        pair.wait_in_step();
        pair
    }

    /// The address for `--to`, the same before a fail-over and after.
    pub fn url(&self) -> String {
        format!("mysql://root@127.0.0.1:{}/?ssl-mode=disabled", self.address.port)
    }

    /// A connection through the address.
    pub fn connect(&self) -> Conn {
        Conn::new(self.url().trim_end_matches("/?ssl-mode=disabled")).expect("connects")
    }

    /// A connection to the replica, wherever the address leads.
    pub fn replica(&self) -> Conn {
        self.replica.connect().expect("connects")
    }

    /// The server that is the primary until the fail-over.
    pub fn primary(&mut self) -> &mut PrivateServer {
        &mut self.primary
    }

    /// Waits until the replica has all that the primary has committed by now.
    pub fn wait_in_step(&self) {
        let at: Option<String> =
            self.primary.connect().expect("connects").query_first("SELECT @@gtid_binlog_pos").expect("readable");
        let at = at.unwrap_or_default();
        let mut replica = self.replica();
        let waited: Option<i32> = replica.exec_first("SELECT MASTER_GTID_WAIT(?, ?)", (&at, LIMIT)).expect("readable");
        let status: Option<mysql::Row> = replica.query_first("SHOW SLAVE STATUS").expect("readable");
        assert_eq!(waited, Some(0), "the replica does not come to {at}: {status:?}");
    }

    /// From now on nothing reaches the replica.
    pub fn hold(&self) {
        self.replica().query_drop("STOP SLAVE").expect("stopped");
    }

    /// The opposite of [`hold`](Self::hold).
    pub fn resume(&self) {
        self.replica().query_drop("START SLAVE").expect("started");
    }

    /// Kills the primary, makes the replica a server of its own, and leads the address there. What had not come to the replica
    /// is gone.
    pub fn fail_over(&mut self) {
        self.primary.kill();
        let mut replica = self.replica();
        for statement in ["STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only = 0"] {
            replica.query_drop(statement).expect(statement);
        }
        self.address.lead(self.replica.port());
    }
}

/// A port that leads to another one, which can change.
struct Address {
    port: u16,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

struct Shared {
    to: AtomicU16,
    ended: AtomicBool,
    /// Both ends of every connection that there ever was.
    ends: Mutex<Vec<TcpStream>>,
}

impl Address {
    fn start(to: u16) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared { to: to.into(), ended: AtomicBool::default(), ends: Mutex::default() });
        let thread = spawn({
            let shared = Arc::clone(&shared);
            move || shared.accept(&listener)
        });
        Ok(Self { port, shared, listener: Some(thread) })
    }

    /// Cuts what is open; new connections go to the port `to`.
    fn lead(&self, to: u16) {
        self.shared.to.store(to, Ordering::SeqCst);
        self.shared.cut();
    }
}

impl Drop for Address {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        if let Some(thread) = self.listener.take() {
            let _ = thread.join();
        }
        self.shared.cut();
    }
}

impl Shared {
    fn accept(&self, listener: &TcpListener) {
        while !self.ended.load(Ordering::SeqCst) {
            match listener.accept() {
                Ok((client, _)) => {
                    // A server that is not there: the client sees a connection that ends at once.
                    let _ = self.join(client);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(TICK),
                Err(_) => return,
            }
        }
    }

    fn join(&self, client: TcpStream) -> io::Result<()> {
        client.set_nonblocking(false)?;
        client.set_nodelay(true)?;
        let mut ends = self.ends.lock().expect("whole");
        let server = TcpStream::connect(("127.0.0.1", self.to.load(Ordering::SeqCst)))?;
        server.set_nodelay(true)?;
        ends.extend([client.try_clone()?, server.try_clone()?]);
        pass(client.try_clone()?, server.try_clone()?);
        pass(server, client);
        Ok(())
    }

    fn cut(&self) {
        for end in self.ends.lock().expect("whole").drain(..) {
            // Gone already is as good.
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

/// Takes the bytes of one direction until either side ends.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}
