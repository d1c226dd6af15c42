//! chalktalkd
