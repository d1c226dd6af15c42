//! A host that runs a whole system: systemd as process 1, over an overlay of a clean Debian root ([`ROOT`], as `.ci/run` makes
//! it), or where there is none, of this machine's root file system.
//!
//! It has process ids, mounts, control groups, a bus and logins of its own, and the network of a lab's host. What is
//! installed or written in it is in memory and vanishes with it. Needs root.
//!
//! Invariant: nothing that happens inside changes a file, a unit or a kernel setting of this machine.

use crate::{
    binaries,
    lab::{Host, Missing, Process, skip, tool},
    programs::Output,
    wait,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

/// Longest wait for a system to boot, a package to be installed, a user to be logged in.
const LONG: Duration = Duration::from_secs(90);

/// Users of every booted host: name and uid.
pub const PEOPLE: [(&str, u32); 2] = [("ana", 7001), ("ben", 7002)];

/// Names a folder with a clean Debian root: what the packages depend on and nothing more.
pub const ROOT: &str = "CHALKTALK_DEBIAN_ROOT";

/// Where the packages are inside.
const PACKAGES: &str = "/opt/packages";

/// The control groups of all hosts, in a mount of our own.
const GROUPS: &str = "/run/lab-groups";

/// What would reach out of the box, or waits for hardware that is not there.
const MASKED: [&str; 16] = [
    "tmp.mount",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "sys-kernel-config.mount",
    "sys-fs-fuse-connections.mount",
    "systemd-timesyncd.service",
    "systemd-udevd.service",
    "systemd-udev-trigger.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-sysctl.service",
    "systemd-modules-load.service",
    "systemd-random-seed.service",
    "systemd-remount-fs.service",
];

const TARGET: &str = "[Unit]\nDescription=what a host of the lab runs\nRequires=basic.target dbus.socket\n\
    Wants=systemd-logind.service\nAfter=basic.target dbus.socket\nAllowIsolate=yes\n";

/// What a desktop does when it has started: its target brings `graphical-session.target` up.
const DESKTOP: &str = "[Unit]\nDescription=a desktop\nBindsTo=graphical-session.target\n";

/// Moves the process below `unshare` into a root of its own and becomes systemd. Arguments: folder, name, root.
const INIT: &str = r#"
set -eu
mount -t overlay overlay -o "lowerdir=$3,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do touch dev/$node; mount --bind /dev/$node dev/$node; done
mkdir -p dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs tmpfs dev/shm
mount -t cgroup2 cgroup2 sys/fs/cgroup
mkdir -p .old
pivot_root . .old
umount -l /.old
hostname "$2"
exec env -i PATH="$PATH" container=lab /lib/systemd/systemd --system --show-status=no --unit=lab.target
"#;

/// A running system.
pub struct Booted {
    host: Host,
    /// Process 1 of the system, as seen from the lab.
    init: u32,
    group: PathBuf,
    process: Process,
}

impl Booted {
    /// Boots a system on this host. Ends the test as skipped where that cannot be done.
    pub fn boot(host: &Host) -> Self {
        if let Err(Missing(reason)) = groups() {
            skip(&reason);
        }
        let dir = host.dir();
        lay_out(&dir.join("upper"), &host.label());
        for folder in ["work", "root"] {
            fs::create_dir_all(dir.join(folder)).expect("the lab's own folder");
        }
        let group = Path::new(GROUPS).join(format!("chalktalk-lab-{}-{}", std::process::id(), host.label()));
        fs::create_dir_all(&group).expect("a group of our own");
        let mut command = Command::new("/bin/sh");
        let enter = format!(
            "echo $$ > {}/cgroup.procs; exec unshare --mount --uts --ipc --pid --cgroup --fork --kill-child=SIGKILL --propagation private /bin/sh -c \"$INIT\" init \"$1\" \"$2\" \"$3\"",
            group.display()
        );
        command.args(["-c", &enter, "boot"]).arg(dir).arg(host.label()).arg(root());
        command.env("INIT", INIT).env("PATH", tool::search_path());
        let process = host.spawn("systemd", command);
        let init = wait::for_some(LONG, "the system's process 1", || first_child(process.pid()));
        let booted = Self { host: host.clone(), init, group, process };
        wait::until(LONG, "the system to be up", || {
            let state = booted.run(&["systemctl", "is-system-running"]).out.join("");
            state == "running" || state == "degraded"
        });
        booted
    }

    /// The same with the package installed, and its service ready.
    pub fn with_chalktalk(host: &Host) -> Self {
        let booted = Self::boot(host);
        booted.install();
        booted
    }

    /// Installs the package `chalktalk`.
    pub fn install(&self) {
        self.sh(&format!("dpkg -i {PACKAGES}/chalktalk_*.deb"));
        self.await_ready();
    }

    /// Waits until the service answers programs.
    pub fn await_ready(&self) {
        wait::until(LONG, "the service to answer", || self.answers());
    }

    /// Whether a program that asks now gets an answer.
    pub fn answers(&self) -> bool {
        self.run(&["chalktalk", "status", "--json"]).code() == 0
    }

    /// Runs a command inside as root, to its end.
    pub fn run(&self, command: &[&str]) -> Output {
        self.finish(self.inside(command))
    }

    /// Runs a shell script inside as root; it must succeed. What it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn sh(&self, script: &str) -> String {
        let output = self.run(&["/bin/sh", "-ec", script]);
        assert_eq!(output.code(), 0, "{script}: {}", output.log);
        output.out.join("\n")
    }

    /// Runs a command inside as this user, without a login, to its end.
    pub fn run_as(&self, user: &str, command: &[&str]) -> Output {
        self.run(&[&["runuser", "-u", user, "--"], command].concat())
    }

    /// Starts a command inside as this user, without a login.
    pub fn start_as(&self, user: &str, command: &[&str]) -> Process {
        let command = self.inside(&[&["runuser", "-u", user, "--"], command].concat());
        self.host.spawn("inside", command)
    }

    /// Logs a user in, through PAM and logind, and starts a desktop with this in its environment. Logged in until
    /// the end of [`Login`].
    pub fn log_in(&self, user: &str, variable: &str) -> Login {
        let name = variable.split('=').next().unwrap_or(variable);
        let session = format!(
            "systemctl --user import-environment {name}; systemctl --user start lab-desktop.target; echo logged in; read end; \
             systemctl --user stop lab-desktop.target"
        );
        let property = format!("User={user}");
        let environment = format!("--setenv={variable}");
        let command = ["systemd-run", "--quiet", "--wait", "--pipe", "-p", "PAMName=login", "-p", &property];
        let command = [&command[..], &[&environment, "/bin/sh", "-c", &session]].concat();
        let process = self.host.spawn(&format!("login of {user}"), self.inside(&command));
        process.await_text("logged in", LONG);
        Login { process }
    }

    /// The main process of a service, as systemd knows it; 0 if none runs.
    pub fn main_pid(&self, unit: &str) -> u32 {
        self.sh(&format!("systemctl show --value --property MainPID {unit}")).trim().parse().unwrap_or(0)
    }

    /// Processes inside that run this program: their ids inside.
    pub fn processes(&self, program: &str) -> Vec<u32> {
        let list = self.run(&["pgrep", "--exact", "--full", &format!("[^ ]*{program}( .*)?")]);
        list.out.iter().filter_map(|line| line.trim().parse().ok()).collect()
    }

    /// What the journal has of a unit.
    pub fn journal(&self, unit: &str) -> String {
        self.run(&["journalctl", "--no-pager", "--output=cat", "--unit", unit]).out.join("\n")
    }

    fn finish(&self, command: Command) -> Output {
        let mut process = self.host.spawn("inside", command);
        process.end_input();
        let status = process.await_end(LONG);
        Output { status, out: process.output(), log: process.log() }
    }

    fn inside(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        let init = self.init.to_string();
        command.args([
            "--target", &init, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--wd=/", "--",
        ]);
        command.args(arguments).env_clear().current_dir("/");
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("LANG", "C.UTF-8").env("HOME", "/root");
        command
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.run(&["journalctl", "--no-pager", "-n", "60"]).log;
            crate::lab::process::note(format!("{} journal", self.host.label()), &log);
        }
        self.process.kill();
        let group = self.group.display().to_string();
        // Groups can go once their processes have been reaped.
        wait::until(LONG, "the system's groups to go", || {
            tool::try_run("find", &[&group, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"]);
            !self.group.exists()
        });
    }
}

/// A user who is logged in.
pub struct Login {
    process: Process,
}

impl Login {
    /// Logs out, and waits for it.
    pub fn end(mut self) {
        self.process.end_input();
        self.process.await_end(LONG);
    }
}

/// Builds the packages, before the lab closes the door to the network.
///
/// # Panics
/// When they cannot be built.
pub fn build_packages() {
    let inside_already = std::env::var_os("CHALKTALK_LAB_INSIDE").is_some();
    if inside_already || std::env::var_os(binaries::BIN_DIR).is_some() || !tool::has("dpkg-deb") {
        return;
    }
    let folder = binaries::folder();
    let profile = if folder.ends_with("release") { "release" } else { "dev" };
    let mut build = Command::new(binaries::source_root().join("systemd/packaging/build"));
    build
        .args(["--profile", profile])
        .env("CARGO_TARGET_DIR", folder.parent().expect("a profile's folder is in the target folder"));
    assert!(build.status().expect("bash runs").success(), "the packages cannot be built");
}

/// Files of the system that are its own from the start.
fn lay_out(upper: &Path, name: &str) {
    let write = |path: &str, text: &str| {
        let path = upper.join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("the lab's own folder");
        fs::write(path, text).expect("the lab's own folder");
    };
    write("etc/hostname", &format!("{name}\n"));
    write("etc/systemd/system/lab.target", TARGET);
    write("etc/systemd/user/lab-desktop.target", DESKTOP);
    // Containers forbid packages to start services by this.
    write("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 0\n");
    tool::run(
        "chmod",
        &["755", upper.join("usr/sbin/policy-rc.d").to_str().expect("the lab's paths are text")],
    );
    for unit in MASKED {
        let path = upper.join("etc/systemd/system").join(unit);
        let _there_already = std::os::unix::fs::symlink("/dev/null", path);
    }
    let people = |line: &dyn Fn(&str, u32) -> String| {
        PEOPLE.iter().map(|(name, uid)| line(name, *uid)).collect::<String>()
    };
    let add = |path: &str, lines: String| {
        let there = fs::read_to_string(root().join(path)).unwrap_or_default();
        write(path, &(there + &lines));
    };
    add(
        "etc/passwd",
        people(&|name, uid| format!("{name}:x:{uid}:{uid}:{}:/home/{name}:/bin/sh\n", capital(name))),
    );
    add("etc/group", people(&|name, uid| format!("{name}:x:{uid}:\n")));
    add("etc/shadow", people(&|name, _| format!("{name}:*:19000:0:99999:7:::\n")));
    for (name, uid) in PEOPLE {
        let home = upper.join("home").join(name);
        fs::create_dir_all(&home).expect("the lab's own folder");
        std::os::unix::fs::chown(&home, Some(uid), Some(uid)).expect("root may");
    }
    let packages = upper.join(&PACKAGES[1..]);
    fs::create_dir_all(&packages).expect("the lab's own folder");
    for package in
        fs::read_dir(binaries::folder().join("packages")).expect("the packages were built").flatten()
    {
        fs::copy(package.path(), packages.join(package.file_name())).expect("the lab's own folder");
    }
}

/// What lies below the systems.
pub fn root() -> PathBuf {
    std::env::var_os(ROOT).map(PathBuf::from).filter(|path| path.is_dir()).unwrap_or_else(|| "/".into())
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Mounts the control groups, once.
fn groups() -> Result<(), Missing> {
    static DONE: OnceLock<Result<(), Missing>> = OnceLock::new();
    DONE.get_or_init(|| {
        crate::lab::enter::inside()?;
        if !crate::lab::enter::has_real_users() {
            return Err(Missing("a system can only be booted as root".into()));
        }
        for (program, package) in [("nsenter", "util-linux"), ("dpkg-deb", "dpkg"), ("pgrep", "procps")] {
            if !tool::has(program) {
                return Err(Missing(format!("{program} is missing (package {package})")));
            }
        }
        for (file, package) in [
            ("/lib/systemd/systemd", "systemd"),
            ("/usr/bin/dbus-daemon", "dbus"),
            ("/usr/lib/systemd/user/dbus.socket", "dbus-user-session"),
            ("/usr/share/pam-configs/systemd", "libpam-systemd"),
        ] {
            if !root().join(&file[1..]).exists() {
                return Err(Missing(format!("{file} is missing (package {package})")));
            }
        }
        fs::create_dir_all(GROUPS).map_err(|e| Missing(format!("{GROUPS}: {e}")))?;
        tool::attempt("mount", &["-t", "cgroup2", "cgroup2", GROUPS]).map_err(Missing)?;
        Ok(())
    })
    .clone()
}

fn first_child(pid: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    let child: u32 = children.split_whitespace().next()?.parse().ok()?;
    // Before it is systemd, it is a shell that mounts things.
    let name = fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
    (name.trim() == "systemd").then_some(child)
}
