//! `almanac health`: asks the program that runs here whether all is well, for containers that hold no other program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use base::config::Env;
use base::http_client::HttpClient;

use crate::failure::{Failure, Result};
use crate::{listen, terminal};

/// How long the answer may take: less than what Docker's `HEALTHCHECK` in the Dockerfile allows.
const TIMEOUT: Duration = Duration::from_secs(4);

pub(super) async fn run(env: &Env) -> Result<()> {
    let url = format!("http://{}/api/health?deep=1", reachable(listen::address(env)?));
    let sent = HttpClient::default().get().get(&url).timeout(TIMEOUT).send().await;
    let silent = |error| {
        let cause = base::Error::internal(error).cause().unwrap_or_default();
        Failure::new(format!("{url} does not answer: {cause}"))
    };
    let answer = sent.map_err(silent)?;
    let status = answer.status();
    let text = answer.text().await.map_err(silent)?;
    if !status.is_success() {
        return Err(Failure::new(format!("{url} answered {status}: {text}")));
    }
    terminal::say(&text);
    Ok(())
}

/// The address to call: who listens on all of the machine's addresses is reached on its own.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_reached_on_an_address_of_its_own() {
        let check = |listens: &str, reached: &str| {
            assert_eq!(reachable(listens.parse().expect("an address")).to_string(), reached);
        };
        check("0.0.0.0:8787", "127.0.0.1:8787");
        check("[::]:8787", "[::1]:8787");
        check("192.0.2.7:80", "192.0.2.7:80");
    }
}
