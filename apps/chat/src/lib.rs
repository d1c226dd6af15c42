//! chalktalk-chat
