//! Links the deployed program at a fixed address.
//!
//! Of a cold start, much goes into adding the address that the system chose to 36,000 places, most of them OpenSSL's. At
//! a fixed address there is nothing to add. An attacker who found a fault in memory safety would know where things are,
//! so this is for the one program that takes no input but a flag, and knows nothing of any user.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Deployed programs have this feature, see [workspace.metadata.lambda.build].
    if std::env::var_os("CARGO_FEATURE_VENDORED_OPENSSL").is_some() {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
