//! How often one may try.

use std::time::Duration;

use base::Result;
use base::http::ClientAddress;
use base::rate_limit::{Limiter, Policy};
use http::{HeaderName, HeaderValue};

/// New accounts per address: an office or a class signs up, a robot does not get far.
pub(crate) const REGISTER: Policy = Policy { name: "register", quota: 60, window: Duration::from_hours(1) };
/// Sign-ins per address, whatever the account.
pub(crate) const LOGIN: Policy = Policy { name: "login", quota: 60, window: Duration::from_mins(10) };
/// Sign-ins per account, wherever from: guessing a password stays hopeless, and the owner waits minutes at
/// most when somebody else uses the quota up.
pub(crate) const LOGIN_ACCOUNT: Policy = Policy { name: "login-account", quota: 20, window: Duration::from_mins(10) };
/// Refreshes per address; clients refresh every quarter of an hour.
pub(crate) const REFRESH: Policy = Policy { name: "refresh", quota: 600, window: Duration::from_mins(10) };

/// Counts a request of this address and gives the headers that tell the client where it stands.
pub(crate) async fn take(
    limiter: &Limiter,
    policy: Policy,
    address: ClientAddress,
) -> Result<[(HeaderName, HeaderValue); 2]> {
    Ok(limiter.take(policy, &address.limit_key()).await?.headers())
}
