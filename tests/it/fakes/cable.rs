//! The network between the program and PostgreSQL, which a test can cut where it hurts.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// What happens to the connections that are open now, when the program next sends something over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It does not arrive: the other side has been gone for long.
    BeforeArrival,
    /// It arrives and is carried out, and the answer is lost.
    BeforeAnswer,
    /// The same, as soon as it has a commit in it.
    AtCommit,
}

/// What a commit looks like on the way.
const COMMIT: &[u8] = b"commit\0";
const CHUNK_BYTES: usize = 64 * 1024;
/// A server that has been silent for so long has carried out what it was sent.
const CARRIED_OUT: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Plan {
    opened: u64,
    /// Connections up to this one are cut.
    doomed: u64,
    cut: Option<Cut>,
    cuts: usize,
}

/// A way to a database. It stays for as long as the test's runtime.
pub(crate) struct Cable {
    /// The database's address behind it, with the same login.
    pub(crate) url: String,
    plan: Arc<Mutex<Plan>>,
}

impl Cable {
    /// A way to the database at this address, which has a Unix socket.
    pub(crate) async fn to(url: &str) -> Self {
        let config: Config = url.parse().expect("an address of a database");
        let [Host::Unix(folder)] = config.get_hosts() else { panic!("it has no Unix socket") };
        let socket = folder.join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let plan = Arc::<Mutex<Plan>>::default();
        let (login, database) = (config.get_user().expect("a login"), config.get_dbname().expect("a name"));
        let url = format!("postgres://{login}@127.0.0.1:{port}/{database}");
        let plan_of_all = Arc::clone(&plan);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.expect("the listener listens");
                let server = UnixStream::connect(&socket).await.expect("the server listens");
                let number = {
                    let mut plan = plan_of_all.lock().expect("no holder panics");
                    plan.opened += 1;
                    plan.opened
                };
                tokio::spawn(carry(client, server, number, Arc::clone(&plan_of_all)));
            }
        });
        Self { url, plan }
    }

    /// Cuts the connections that are open now. New ones are whole.
    pub(crate) fn cut(&self, cut: Cut) {
        let mut plan = self.plan();
        (plan.doomed, plan.cut) = (plan.opened, Some(cut));
    }

    /// How many connections were cut.
    pub(crate) fn cuts(&self) -> usize {
        self.plan().cuts
    }

    fn plan(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.plan.lock().expect("no holder panics")
    }
}

/// Carries bytes both ways until one side ends, or it is cut.
async fn carry(mut client: TcpStream, mut server: UnixStream, number: u64, plan: Arc<Mutex<Plan>>) {
    let (mut from_client, mut from_server) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(count @ 1..) = read else { return };
                let sent = &from_client[..count];
                match cut_of(&plan, number, sent) {
                    Some(Cut::BeforeArrival) => return,
                    Some(Cut::BeforeAnswer | Cut::AtCommit) => {
                        server.write_all(sent).await.expect("the server reads");
                        while let Ok(Ok(1..)) =
                            tokio::time::timeout(CARRIED_OUT, server.read(&mut from_server)).await
                        {}
                        return;
                    }
                    None => if server.write_all(sent).await.is_err() { return },
                }
            }
            read = server.read(&mut from_server) => {
                let Ok(count @ 1..) = read else { return };
                if client.write_all(&from_server[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Whether and how a connection that carries this is to be cut now.
fn cut_of(plan: &Mutex<Plan>, number: u64, sent: &[u8]) -> Option<Cut> {
    let mut plan = plan.lock().expect("no holder panics");
    let has_commit = || sent.windows(COMMIT.len()).any(|bytes| bytes == COMMIT);
    let cut = plan.cut.filter(|cut| number <= plan.doomed && (*cut != Cut::AtCommit || has_commit()))?;
    plan.cuts += 1;
    Some(cut)
}
