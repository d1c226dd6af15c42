//! Where the project's programs are, and how they come to be there.
//!
//! Cargo does not build the programs of other packages for a test; the runner does, with the profile that the
//! test itself was built with, before the lab closes the door to the network.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Names a folder with ready programs, instead of building them.
pub const BIN_DIR: &str = "CHALKTALK_BIN_DIR";

/// All but the whiteboard, which takes long to build: that is built only for tests that need it. The client library is here for
/// its examples.
const PACKAGES: [&str; 5] =
    ["chalktalkd", "chalktalk", "chalktalk-agent", "chalktalk-chat", "chalktalk-client"];

/// The folder with the programs.
pub fn folder() -> PathBuf {
    env::var_os(BIN_DIR).map(PathBuf::from).unwrap_or_else(beside_the_test)
}

/// One of the project's programs.
pub fn path(program: &str) -> PathBuf {
    folder().join(program)
}

/// One of the examples for authors, in Rust.
pub fn example(name: &str) -> PathBuf {
    folder().join("examples").join(name)
}

/// The root of the source tree.
pub fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the workspace").to_path_buf()
}

/// Builds the programs, with the whiteboard if `board`, unless [`BIN_DIR`] names them. Cargo's own lock keeps two tests from doing it at once.
///
/// # Panics
/// When they do not compile.
pub fn build_once(board: bool) {
    let inside_already = env::var_os("CHALKTALK_LAB_INSIDE").is_some();
    if inside_already || env::var_os(BIN_DIR).is_some() {
        return;
    }
    let folder = beside_the_test();
    let profile = folder.file_name().and_then(|name| name.to_str()).unwrap_or("debug");
    let target = folder.parent().expect("profiles are below the target folder");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(source_root())
        .args(["build", "--quiet", "--bins", "--examples", "--target-dir"])
        .arg(target);
    cargo.args(["--profile", if profile == "debug" { "dev" } else { profile }]);
    if board {
        // The whole workspace, with the features that make `cargo build --workspace` the same build.
        cargo.arg("--workspace");
    } else {
        cargo.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    }
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "the programs under test do not compile");
}

/// `target/PROFILE`, whether this is `target/PROFILE/deps/test-hash` or `target/PROFILE/bench`.
fn beside_the_test() -> PathBuf {
    let exe = env::current_exe().expect("a running program has a path");
    let dir = exe.parent().expect("programs are in folders");
    let dir = if dir.ends_with("deps") { dir.parent().expect("deps is in a profile's folder") } else { dir };
    dir.to_path_buf()
}
