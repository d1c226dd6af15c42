//! chalktalk-protocol
