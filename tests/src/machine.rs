//! A machine that several people share: the system's daemon as a user of its own, and programs as real uids.
//!
//! Needs root, since only root can be other users. The machine's folders (`/run`, `/var/lib`, the password file) are
//! covered by ones that only this process and what it starts can see.
//!
//! Invariant: whatever a closure or a command does as a user, the kernel says that this user did it.

use crate::{
    binaries,
    lab::{Host, Lab, Missing, Process, skip, tool},
    programs::{Output, SOON},
};
use chalktalk_ipc::socket::SYSTEM_SOCKET;
use rustix::{
    process::{Gid, Uid},
    thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};
use std::{
    fs,
    os::unix::{fs::PermissionsExt, fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

/// Whom the system's daemon runs as.
pub const SERVICE: u32 = 900;
/// A user.
pub const ANA: u32 = 1001;
/// Another.
pub const BEN: u32 = 1002;
/// And one more.
pub const CLEO: u32 = 1003;

const ACCOUNTS: &str = "root:x:0:0:root:/root:/bin/sh\nchalktalk:x:900:900::/:/bin/false\n\
    ana:x:1001:1001:Ana:/run/home/1001:/bin/sh\nben:x:1002:1002:Ben:/run/home/1002:/bin/sh\n\
    cleo:x:1003:1003:Cleo:/run/home/1003:/bin/sh\n";

const RUNTIME: &str = "/run/chalktalk";
const STATE: &str = "/var/lib/chalktalk";
const BIN: &str = "/run/bin";

/// A host whose daemon is the system's.
pub struct Machine {
    lab: Lab,
    arguments: Vec<String>,
    /// The daemon.
    pub daemon: Process,
}

impl Machine {
    /// A machine nobody has used yet. Ends the test as skipped where there are no real users.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with arguments for the daemon.
    pub fn start_with(arguments: &[&str]) -> Self {
        if let Err(Missing(reason)) = cover() {
            skip(&reason);
        }
        let lab = Lab::new(1);
        fresh_folder(RUNTIME, SERVICE, 0o755);
        fresh_folder(STATE, SERVICE, 0o700);
        for uid in [ANA, BEN, CLEO] {
            fresh_folder(&home(uid), uid, 0o700);
        }
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let daemon = spawn_daemon(lab.host(1), &arguments);
        daemon.await_text("ready", SOON);
        Self { lab, arguments, daemon }
    }

    /// Starts the daemon again after its end.
    pub fn restart(&mut self) {
        self.daemon = spawn_daemon(self.lab.host(1), &self.arguments);
        self.daemon.await_text("ready", SOON);
    }

    /// A command that will run as this user.
    pub fn command(&self, uid: u32, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.command_at(uid, &Path::new(BIN).join(program));
        command.args(arguments);
        command
    }

    fn command_at(&self, uid: u32, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", home(uid)).env("PATH", BIN).current_dir("/");
        command.env("XDG_RUNTIME_DIR", format!("{}/run", home(uid)));
        command.uid(uid).gid(uid);
        command
    }

    /// Starts a program as this user.
    pub fn spawn(&self, uid: u32, program: &str, arguments: &[&str]) -> Process {
        self.spawn_command(program, self.command(uid, program, arguments))
    }

    /// Starts a user's agent, as a desktop would: by a process that stays, since the agent ends with whoever started it.
    pub fn agent(&self, uid: u32) -> Process {
        let mut desktop = self.command_at(uid, Path::new("/bin/sh"));
        desktop.args(["-c", "chalktalk-agent; exit $?"]);
        self.spawn_command("chalktalk-agent", desktop)
    }

    /// Starts a command on this machine.
    pub fn spawn_command(&self, name: &str, command: Command) -> Process {
        self.lab.host(1).spawn(name, command)
    }

    /// Runs `chalktalk` as this user to its end.
    pub fn chalktalk(&self, uid: u32, arguments: &[&str]) -> Output {
        self.finish(self.command(uid, "chalktalk", arguments))
    }

    /// Runs a command to its end.
    pub fn finish(&self, command: Command) -> Output {
        let mut process = self.spawn_command("chalktalk", command);
        process.end_input();
        let status = process.await_end(Duration::from_secs(60));
        Output { status, out: process.output(), log: process.log() }
    }
}

/// The system's socket.
pub fn socket() -> &'static Path {
    Path::new(SYSTEM_SOCKET)
}

/// Where the system's daemon keeps keys and logs.
pub fn state() -> &'static Path {
    Path::new(STATE)
}

/// A user's home folder.
pub fn home(uid: u32) -> String {
    format!("/run/home/{uid}")
}

/// Runs a closure on a thread that is this user, to the kernel and whoever asks it.
pub fn as_user<T: Send>(uid: u32, work: impl FnOnce() -> T + Send) -> T {
    let on_thread = || {
        let (user, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
        set_thread_groups(&[]).expect("root may");
        set_thread_res_gid(group, group, group).expect("root may");
        set_thread_res_uid(user, user, user).expect("root may");
        work()
    };
    std::thread::scope(|scope| match scope.spawn(on_thread).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// Covers the machine's own folders, once.
fn cover() -> Result<(), Missing> {
    static DONE: OnceLock<Result<(), Missing>> = OnceLock::new();
    DONE.get_or_init(|| {
        crate::lab::enter::inside()?;
        if !crate::lab::enter::has_real_users() {
            return Err(Missing("other users can only be had as root".into()));
        }
        fs::create_dir_all(BIN).expect("/run is the lab's own");
        fs::write("/run/passwd", ACCOUNTS).expect("/run is the lab's own");
        let programs: PathBuf = binaries::folder();
        let programs = programs.to_str().expect("the tests' paths are text");
        let steps: [&[&str]; 3] = [
            &["-t", "tmpfs", "-o", "mode=755", "lab", "/var/lib"],
            // Other users may not look into the folder that the programs are built in.
            &["--bind", programs, BIN],
            &["--bind", "/run/passwd", "/etc/passwd"],
        ];
        for arguments in steps {
            tool::attempt("mount", arguments).map_err(Missing)?;
        }
        Ok(())
    })
    .clone()
}

fn spawn_daemon(host: &Host, arguments: &[String]) -> Process {
    let mut command = Command::new(Path::new(BIN).join("chalktalkd"));
    command.args(["--system", "--name", "shed"]).args(arguments).env_clear().current_dir("/");
    command.uid(SERVICE).gid(SERVICE);
    host.spawn("chalktalkd", command)
}

fn fresh_folder(path: &str, owner: u32, mode: u32) {
    let _was_not_there = fs::remove_dir_all(path);
    fs::create_dir_all(path).expect("the folder above is the lab's own");
    chown(path, Some(owner), Some(owner)).expect("root may");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("root may");
}
