//! Roles of messages that the code asks for. A dataset may have others, which go to the server as they are.

/// What a conversation begins with: how the model is to answer.
pub(crate) const SYSTEM: &str = "system";
/// What newer API formats call [`SYSTEM`].
pub(crate) const DEVELOPER: &str = "developer";
/// Who asks.
pub(crate) const USER: &str = "user";
/// The model.
pub(crate) const ASSISTANT: &str = "assistant";
/// The result of a tool that the model has called.
pub(crate) const TOOL: &str = "tool";
