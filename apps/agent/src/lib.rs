//! chalktalk-agent
