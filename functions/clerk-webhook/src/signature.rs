//! Svix signatures, which Clerk's webhooks carry: HMAC-SHA256 over id, timestamp and the raw body.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use http::HeaderMap;
use sha2::Sha256;

/// How far the sender's clock, or the way, may be off, in seconds. An older event could be a replay.
const TOLERANCE_SECONDS: u64 = 5 * 60;
/// How many signatures of one event are looked at. During a change of secrets there are two.
const SIGNATURES_MAX: usize = 16;

/// Whether the event was signed with this key within the last minutes. Comparing takes as long for a good
/// signature as for a bad one.
pub(crate) fn is_valid(key: &Hmac<Sha256>, headers: &HeaderMap, body: &[u8], now_seconds: i64) -> bool {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(id), Some(timestamp), Some(signatures)) =
        (header("svix-id"), header("svix-timestamp"), header("svix-signature"))
    else {
        return false;
    };
    let is_timely = timestamp.parse::<i64>().is_ok_and(|sent| sent.abs_diff(now_seconds) <= TOLERANCE_SECONDS);
    let signed = key.clone().chain_update(id).chain_update(".").chain_update(timestamp).chain_update(".");
    let signed = signed.chain_update(body);
    let matches = |signature: &str| {
        let mac = signature.strip_prefix("v1,").and_then(|mac| BASE64_STANDARD.decode(mac).ok());
        mac.is_some_and(|mac| signed.clone().verify_slice(&mac).is_ok())
    };
    is_timely && signatures.split(' ').take(SIGNATURES_MAX).any(matches)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::settings::key_of;

    // The example that Svix publishes.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SENT: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn check(id: &str, signature: &str, body: &[u8], late_seconds: i64, expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert("svix-id", HeaderValue::from_str(id).expect("a header value"));
        headers.insert("svix-timestamp", HeaderValue::from(SENT));
        headers.insert("svix-signature", HeaderValue::from_str(signature).expect("a header value"));
        let key = key_of(SECRET).expect("a secret");
        let valid = is_valid(&key, &headers, body, SENT + late_seconds);
        assert_eq!(valid, expected, "{id} {signature} {late_seconds}");
    }

    #[test]
    fn agrees_with_the_published_example() {
        check(ID, SIGNATURE, BODY, 0, true);
        check("msg_other", SIGNATURE, BODY, 0, false);
        check(ID, SIGNATURE, br#"{"test": 2432232315}"#, 0, false);
        check(ID, "", BODY, 0, false);
    }

    #[test]
    fn takes_any_good_one_of_several() {
        let other = "v1,AAAA9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        check(ID, &format!("{other} {SIGNATURE}"), BODY, 0, true);
        check(ID, &format!("v1a,abc v2,{} {SIGNATURE}", &SIGNATURE[3..]), BODY, 0, true);
        check(ID, other, BODY, 0, false);
        check(ID, &SIGNATURE.replace("v1,", "v2,"), BODY, 0, false);
        check(ID, &SIGNATURE[..20], BODY, 0, false);
    }

    #[test]
    fn refuses_the_old_and_the_early() {
        for (late_seconds, expected) in [(300, true), (-300, true), (301, false), (-301, false)] {
            check(ID, SIGNATURE, BODY, late_seconds, expected);
        }
    }

    #[test]
    fn needs_every_header() {
        let key = key_of(SECRET).expect("a secret");
        assert!(!is_valid(&key, &HeaderMap::new(), BODY, SENT));
    }
}
