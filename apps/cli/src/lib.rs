//! chalktalk
