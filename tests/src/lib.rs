//! chalktalk-tests
