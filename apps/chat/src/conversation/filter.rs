//! Looking at a part of a conversation: one topic, what is new, what concerns the reader.

use super::{Line, Order};
use crate::t;
use chalktalk_ipc::UserId;

/// Which lines are in view.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Filter {
    /// Those about this.
    Topic(String),
    /// Those that were new, from this one on.
    New(Order),
    /// Those that mention the reader, answer them, or are theirs.
    Mine(UserId),
    /// Pinned ones.
    Pinned,
}

impl Filter {
    /// Whether a line is in view. What this process is just saying always is.
    pub fn shows(&self, line: &Line) -> bool {
        let Some(said) = line.said() else { return true };
        let on_its_way = line.order.position().is_none();
        on_its_way
            || match self {
                Self::Topic(topic) => said.topic.as_ref() == Some(topic),
                Self::New(first) => line.order >= *first,
                Self::Mine(user) => said.mentions_me || said.user == *user,
                Self::Pinned => said.fate.pinned.is_some(),
            }
    }

    /// What is in view, in words.
    pub fn name(&self) -> String {
        match self {
            Self::Topic(topic) => t!("only-topic", topic = topic),
            Self::New(_) => t!("only-new"),
            Self::Mine(_) => t!("only-mentions"),
            Self::Pinned => t!("only-pinned"),
        }
    }
}
