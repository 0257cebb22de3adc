//! A throw-away PostgreSQL cluster that the tests start themselves, once per process, from the installed binaries. It speaks
//! on a Unix socket in a temporary folder and goes when the test process goes.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

struct Cluster {
    folder: PathBuf,
}

/// The URL of a new, migrated database.
pub fn new_database() -> String {
    let cluster = cluster();
    create(
        cluster,
        &format!("TEMPLATE {} STRATEGY FILE_COPY", template(cluster)),
    )
}

/// The URL of a new database without a table.
pub fn new_empty_database() -> String {
    create(cluster(), "")
}

fn create(cluster: &Cluster, how: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let name = format!(
        "w{}_{}",
        std::process::id(),
        NUMBER.fetch_add(1, Ordering::Relaxed)
    );
    let made = program("psql")
        .args([
            "-h",
            &cluster.folder.to_string_lossy(),
            "-U",
            "watch",
            "-d",
            "postgres",
            "-qc",
        ])
        .arg(format!("CREATE DATABASE {name} {how}"))
        .output()
        .expect("psql runs");
    assert!(
        made.status.success(),
        "CREATE DATABASE: {}",
        String::from_utf8_lossy(&made.stderr)
    );
    url(cluster, &name)
}

fn url(cluster: &Cluster, name: &str) -> String {
    let host = cluster.folder.to_string_lossy().replace('/', "%2F");
    format!("postgres://watch@{host}/{name}")
}

/// A migrated database that the others are copied from: migrating each would take most of the suite's time.
fn template(cluster: &Cluster) -> &'static str {
    static TEMPLATE: OnceLock<()> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let made = program("psql")
            .args([
                "-h",
                &cluster.folder.to_string_lossy(),
                "-U",
                "watch",
                "-d",
                "postgres",
                "-qc",
            ])
            .arg("CREATE DATABASE migrated")
            .status()
            .expect("psql runs");
        assert!(made.success());
        let url = watchkeeper::store::backend::DatabaseUrl::parse(&url(cluster, "migrated"))
            .expect("a URL");
        let store = watchkeeper::store::Store::open(&url).expect("the template opens");
        watchkeeper::store::migrate::up(&store).expect("the template migrates");
    });
    "migrated"
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(start)
}

fn start() -> Cluster {
    let folder = PathBuf::from(format!("/tmp/wk-pg-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let data = folder.join("data");
    if is_root() {
        let owned = Command::new("chown")
            .args(["-R", "nobody"])
            .arg(&folder)
            .status()
            .expect("chown runs");
        assert!(owned.success());
    }
    run(as_somebody("initdb")
        .args([
            "--auth=trust",
            "--username=watch",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            "-D",
        ])
        .arg(&data));
    // The server ends with this process, however this process ends: the shell waits for our end of the pipe to close.
    let postgres = find("postgres");
    let script = format!(
        "{} -D {} -k {} -c listen_addresses='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
         -c max_connections=400 -c shared_buffers=64MB -c max_wal_size=2GB >{}/log 2>&1 & \
         server=$!; cat >/dev/null; kill -INT $server; wait $server; rm -rf {}",
        postgres.display(),
        data.display(),
        folder.display(),
        folder.display(),
        folder.display(),
    );
    let mut keeper = as_somebody("sh");
    let child = keeper
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .spawn()
        .expect("sh runs");
    // Leaked on purpose: its pipe closes when the process is gone.
    std::mem::forget(child);
    let began = Instant::now();
    loop {
        let ready = program("psql")
            .args([
                "-h",
                &folder.to_string_lossy(),
                "-U",
                "watch",
                "-d",
                "postgres",
                "-qc",
                "SELECT 1",
            ])
            .output()
            .expect("psql runs");
        if ready.status.success() {
            return Cluster { folder };
        }
        let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "PostgreSQL didn't start:\n{log}"
        );
        crate::waiting::look_again();
    }
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

pub fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// PostgreSQL refuses to run as root.
pub fn as_somebody(name: &str) -> Command {
    if is_root() {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"])
            .arg(find(name));
        command.current_dir("/tmp");
        command
    } else {
        program(name)
    }
}

fn program(name: &str) -> Command {
    Command::new(find(name))
}

/// Debian keeps the server's programs off the PATH.
fn find(name: &str) -> PathBuf {
    let on_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>())
        .map(|folder| folder.join(name))
        .find(|path| path.exists());
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let debian = versions
        .map(|version| version.path().join("bin").join(name))
        .filter(|path| path.exists())
        .max();
    on_path.or(debian).unwrap_or_else(|| {
        panic!("`{name}` is not installed: run tests/run, which installs what is wanted")
    })
}

/// Runs statements as whoever keeps the cluster.
pub fn run_sql(statements: &[&str]) {
    let cluster = cluster();
    for statement in statements {
        run(program("psql")
            .args(["-h", &cluster.folder.to_string_lossy()])
            .args(["-U", "watch", "-d", "postgres", "-qc", statement]));
    }
}
