//! Clients for model vendors: one concrete client each, with its base URL and HTTP client given.
//!
//! | module | what it gives |
//! |---|---|
//! | [`chat`] | prompts and replies in words that fit every vendor, and [`ChatModel`] over the clients |
//! | [`openai`] | Chat Completions of OpenAI and every compatible server |
//! | [`anthropic`] | Anthropic's Messages API |
//! | [`demo`] | `local/demo`, the labelled offline stand-in |
//! | [`realtime`] | short-lived client secrets for OpenAI Realtime |
//! | [`settings`] | `provider/model` names, resolved to a configured model |
//! | [`reply_stream`] | a reply as it arrives; truncated ones end in an error, never in `Finished` |
//! | [`sse`] | the decoder of event streams |
//! | [`retry`] | the limits of a call, and what is retried |
//! | [`error`] | what can go wrong, free of secrets |
//!
//! The `reqwest::Client` must follow no redirects, because a redirect could carry a key to another
//! host, and should bound the time to connect; everything else is bounded here.

pub mod anthropic;
pub mod chat;
pub mod demo;
pub mod error;
pub mod openai;
pub mod realtime;
pub mod reply_stream;
pub mod retry;
pub mod settings;
pub mod sse;

mod call;
mod vendor_error;

#[cfg(test)]
mod tests;

pub use anthropic::AnthropicClient;
pub use chat::{ChatModel, ChatPrompt, Completion, FinishReason, ReplyEvent, Role, TokenUsage, Turn};
pub use demo::DemoModel;
pub use error::{ProviderError, ProviderErrorKind};
pub use openai::OpenAiClient;
pub use reply_stream::ReplyStream;
pub use retry::CallLimits;
pub use settings::{ModelName, ProviderSettings, Providers, ResolveError, Vendor, VendorSettings};
