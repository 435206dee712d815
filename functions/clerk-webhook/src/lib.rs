//! clerk-webhook
