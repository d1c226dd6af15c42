//! chalktalk-client
