//! Puts a router on AWS Lambda.
