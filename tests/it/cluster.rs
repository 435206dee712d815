//! One PostgreSQL server per test run, and a database of its own for each test, copied from a template that
//! was migrated once.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use base::config::Env;
use server::postgres::{EmbeddedPostgres, Options};
use server::{migrate, terminal};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::{Client, NoTls};

const TEMPLATE: &str = "almanac_template";
/// Each run's data lies in a folder with this prefix and the process's id.
const FOLDER_PREFIX: &str = "almanac-it-";
/// Linux's folder in memory, and how much room it must have for a run, in bytes. Every test makes and deletes some 300
/// files, which takes a disk up to ten times as long.
const MEMORY_FOLDER: &str = "/dev/shm";
const MEMORY_FOLDER_BYTES_MIN: u64 = 2 * 1024 * 1024 * 1024;

static CLUSTER: OnceLock<Cluster> = OnceLock::new();

struct Cluster {
    server: EmbeddedPostgres,
    orders: mpsc::UnboundedSender<Order>,
}

enum Order {
    Create(String, oneshot::Sender<()>),
    Drop(String),
}

/// A migrated, empty database. It is dropped with this value.
pub(crate) struct TestDatabase {
    name: String,
}

impl TestDatabase {
    pub(crate) async fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let cluster = tokio::task::spawn_blocking(|| CLUSTER.get_or_init(start)).await.expect("the cluster starts");
        let (done, created) = oneshot::channel();
        cluster.orders.send(Order::Create(name.clone(), done)).expect("the cluster takes orders");
        created.await.expect("the database is created");
        Self { name }
    }

    /// The address for one of the program's logins.
    pub(crate) fn url(&self, role: &str) -> String {
        cluster().server.url(&self.name, role)
    }

    /// A connection that sees everything, to arrange and to inspect.
    pub(crate) async fn superuser(&self) -> Client {
        connect(&cluster().server.admin_url_of(&self.name)).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // The run may be ending, and the server with it.
        let _ended = cluster().orders.send(Order::Drop(self.name.clone()));
    }
}

fn cluster() -> &'static Cluster {
    CLUSTER.get().expect("a database was created before")
}

/// Starts the server on a thread of its own, which outlives every test's runtime.
fn start() -> Cluster {
    let (send_cluster, receive_cluster) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            remove_leftovers();
            let folder = folder_of_runs().join(format!("{FOLDER_PREFIX}{}", std::process::id()));
            let options = Options::from_env(&Env::from_process()).expect("settings").for_tests(folder);
            let server = EmbeddedPostgres::start(&options).await.unwrap_or_else(|failure| panic!("{failure}"));
            prepare_template(&server).await;
            let admin = connect(&server.admin_url()).await;
            let (orders, receive_orders) = mpsc::unbounded_channel();
            send_cluster.send(Cluster { server, orders }).expect("the starter waits");
            carry_out(admin, receive_orders).await;
        });
    });
    receive_cluster.recv().expect("the server starts")
}

async fn prepare_template(server: &EmbeddedPostgres) {
    server.ensure_database(TEMPLATE).await.expect("the template is created");
    let mut client = connect(&server.admin_url_of(TEMPLATE)).await;
    migrate::run(&mut client, &migrate::embedded(), terminal::silent).await.expect("the migrations apply");
    drop(client);
    let admin = connect(&server.admin_url()).await;
    admin
        .batch_execute(&format!("alter database {TEMPLATE} allow_connections false"))
        .await
        .expect("the template closes");
}

async fn carry_out(admin: Client, mut orders: mpsc::UnboundedReceiver<Order>) {
    while let Some(order) = orders.recv().await {
        match order {
            Order::Create(name, done) => {
                // Copying files takes a fraction of what copying through the log takes, as nothing here must outlive a crash.
                let sql = format!("create database {name} template {TEMPLATE} strategy file_copy");
                admin.batch_execute(&sql).await.expect("the template can be copied");
                // A test that was cancelled does not wait any more.
                let _cancelled = done.send(());
            }
            Order::Drop(name) => {
                let sql = format!("drop database if exists {name} with (force)");
                admin.batch_execute(&sql).await.expect("a test's database can be dropped");
            }
        }
    }
}

/// Where runs keep their data: in memory where there is room for it.
pub(crate) fn folder_of_runs() -> PathBuf {
    let room = rustix::fs::statvfs(MEMORY_FOLDER).map_or(0, |stat| stat.f_bavail * stat.f_frsize);
    if room >= MEMORY_FOLDER_BYTES_MIN { MEMORY_FOLDER.into() } else { std::env::temp_dir() }
}

/// The folders of runs that are over.
fn remove_leftovers() {
    let Ok(entries) = std::fs::read_dir(folder_of_runs()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(FOLDER_PREFIX));
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Another user's, or being removed by another run: leave it.
            let _not_ours = std::fs::remove_dir_all(entry.path());
        }
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server answers");
    tokio::spawn(connection);
    client
}
