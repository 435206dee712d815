//! The caller's network address.
//!
//! On API Gateway the gateway tells it. Elsewhere it is the peer of the connection, or, when
//! `TRUSTED_PROXY_HOPS` says how many proxies stand in front, the address the outermost of them saw.
//! `X-Forwarded-For` is never believed beyond those hops, because a client can write anything in it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap};
use lambda_http::request::RequestContext;

/// How many proxies of the operator's own stand in front of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct TrustedProxyHops(pub usize);

/// The caller's address; unknown ones share the unspecified address, and so one limit.
pub fn of(extensions: &Extensions, headers: &HeaderMap, hops: TrustedProxyHops) -> IpAddr {
    gateway_address(extensions)
        .or_else(|| forwarded_address(headers, hops))
        .or_else(|| extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip()))
        .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
        .to_canonical()
}

fn gateway_address(extensions: &Extensions) -> Option<IpAddr> {
    match extensions.get::<RequestContext>()? {
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip.as_deref()?.parse().ok(),
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref()?.parse().ok(),
        _ => None,
    }
}

fn forwarded_address(headers: &HeaderMap, TrustedProxyHops(hops): TrustedProxyHops) -> Option<IpAddr> {
    if hops == 0 {
        return None;
    }
    let values: Vec<&str> = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let entries: Vec<&str> = values.iter().flat_map(|value| value.split(',')).map(str::trim).collect();
    entries[entries.len().checked_sub(hops)?].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(forwarded: &str, hops: usize, expected: &str) {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 80))));
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().expect("a header value"));
        let address = of(&extensions, &headers, TrustedProxyHops(hops));
        assert_eq!(address.to_string(), expected, "{forwarded} through {hops}");
    }

    #[test]
    fn believes_only_the_operators_proxies() {
        check("1.1.1.1", 0, "10.0.0.1");
        check("6.6.6.6, 1.1.1.1", 1, "1.1.1.1");
        check("6.6.6.6, 1.1.1.1, 2.2.2.2", 2, "1.1.1.1");
        check("1.1.1.1", 2, "10.0.0.1");
        check("nonsense", 1, "10.0.0.1");
        check("::ffff:1.2.3.4", 1, "1.2.3.4");
    }
}
