//! The program's network address, which is taken first of all, and the signals that end it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use base::config::{ConfigError, Env};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::{Failure, Result};

const PORT: u16 = 8787;

/// Where the environment says to listen: `HOST` (default 127.0.0.1) and `PORT` (default 8787).
pub fn address(env: &Env) -> Result<SocketAddr> {
    let host = env.parse_or("HOST", IpAddr::V4(Ipv4Addr::LOCALHOST))?;
    Ok(SocketAddr::new(host, env.parse_or("PORT", PORT)?))
}

/// Takes the address. Callers that connect before [`Serving`](crate::serving::Serving) starts wait in the system's queue.
pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::new(match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!(
                    "Port {} on {} is in use by another program. Stop it, or choose another PORT.",
                    address.port(),
                    address.ip()
                )
            }
            std::io::ErrorKind::PermissionDenied => {
                format!("Port {} may not be used by this user. Choose a PORT above 1023.", address.port())
            }
            std::io::ErrorKind::AddrNotAvailable => {
                format!("{} is no address of this machine. Check HOST.", address.ip())
            }
            _ => format!("Port {} on {} cannot be listened on: {error}.", address.port(), address.ip()),
        })
    })
}

/// The address to call, as the world sees it: `PUBLIC_URL`, else the listener's own.
pub fn public_url(env: &Env, listener: &TcpListener) -> Result<String> {
    given_url(env)?.map_or_else(|| local_url(listener), Ok)
}

/// `PUBLIC_URL`, without a slash at its end.
pub fn given_url(env: &Env) -> Result<Option<String>> {
    match env.get("PUBLIC_URL") {
        Some(url) if url.starts_with("https://") || url.starts_with("http://") => {
            Ok(Some(url.trim_end_matches('/').to_owned()))
        }
        Some(_) => Err(ConfigError::new("PUBLIC_URL", "is no address that begins with https:// or http://").into()),
        None => Ok(None),
    }
}

/// The address to call from this machine.
pub fn local_url(listener: &TcpListener) -> Result<String> {
    let mut address =
        listener.local_addr().map_err(|error| Failure::new(format!("The port cannot be read: {error}.")))?;
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    Ok(format!("http://{address}"))
}

/// Ctrl-C and SIGTERM, from the moment this is made.
pub struct Shutdown {
    interrupt: Signal,
    terminate: Signal,
}

impl Shutdown {
    /// Starts to listen for the signals; from now on they do not end the program by themselves.
    pub fn listen() -> Result<Self> {
        let handler = |kind| signal(kind).map_err(|error| Failure::new(format!("Signals cannot be handled: {error}.")));
        Ok(Self { interrupt: handler(SignalKind::interrupt())?, terminate: handler(SignalKind::terminate())? })
    }

    /// The next of the signals.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
