//! Clerk's webhooks.

mod receive_event;
