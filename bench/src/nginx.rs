//! nginx as it is set up before a model server: unbuffered, with kept connections on both sides.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::net::TcpStream;

use crate::process::{self, Running};

const START_TRIES: u32 = 100;

pub(crate) struct Nginx {
    running: Running,
    pub(crate) address: SocketAddr,
}

impl Nginx {
    /// Starts nginx with its files in `folder`.
    pub(crate) async fn start(folder: &Path, upstream: SocketAddr) -> Result<Self> {
        let address = crate::almanac::free_address().await?;
        fs::create_dir_all(folder)?;
        fs::write(folder.join("nginx.conf"), configuration(folder, address, upstream))?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf")).arg("-e").arg(folder.join("error.log"));
        let running = Running::start(&mut command).context("nginx is needed: apt-get install nginx-light")?;
        for _ in 0..START_TRIES {
            if TcpStream::connect(address).await.is_ok() {
                return Ok(Self { running, address });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("nginx does not start, see {}", folder.join("error.log").display())
    }

    /// The processes that do the work.
    pub(crate) fn workers(&self) -> Vec<u32> {
        process::descendants(self.running.pid())
    }
}

/// As many workers as cores, like Almanac's threads; requests are logged, as Almanac logs them.
fn configuration(folder: &Path, address: SocketAddr, upstream: SocketAddr) -> String {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("    {kind}_temp_path {}/{kind};\n", folder.display()))
        .concat();
    format!(
        "daemon off;
worker_processes auto;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
{temporary}    access_log {folder}/access.log combined;
    keepalive_requests 1000000;
    upstream model {{
        server {upstream};
        keepalive 64;
        keepalive_requests 1000000;
    }}
    server {{
        listen {address};
        location / {{
            proxy_pass http://model;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_buffering off;
        }}
    }}
}}
",
        folder = folder.display()
    )
}
