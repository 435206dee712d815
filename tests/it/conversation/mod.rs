mod create_session;
mod fail_upstream;
mod hold_conversation;
mod key_never_leaks;
mod speaking;
mod upstream;
