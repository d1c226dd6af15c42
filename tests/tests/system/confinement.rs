//! What the service may do, tried by a program that runs with exactly its properties.

use chalktalk_tests::{booted::Booted, lab::Lab, runner::Test, tests};

pub(crate) const TESTS: &[Test] = tests![nothing_can_be_executed_and_the_network_still_works];

/// A program that tries everything and says what came of it; static, as the daemon is.
const PROBE: &str = include_str!("probe.rs");

fn nothing_can_be_executed_and_the_network_still_works() {
    let lab = Lab::new(1);
    let source = lab.host(1).dir().join("upper/opt/probe.rs");
    std::fs::create_dir_all(source.parent().unwrap()).unwrap();
    std::fs::write(&source, PROBE).unwrap();
    let program = source.with_file_name("probe");
    let built = std::process::Command::new("rustc")
        .args(["--edition", "2024", "-C", "target-feature=+crt-static", "-o"])
        .args([&program, &source])
        .status();
    assert!(built.unwrap().success());
    let host = Booted::with_chalktalk(lab.host(1));
    host.sh(
        "install -m 755 /opt/probe /usr/bin/probe; \
         sed -e 's|/usr/bin/chalktalkd --system|/usr/bin/probe|; s|^ExecPaths=.*|ExecPaths=/usr/bin/probe|; s|^Type=.*|Type=oneshot|' \
             -e '/^Requires=/d; /^Restart/d; /^Watchdog/d; s|=chalktalk$|=probe|; s|/chalktalk|/probe|g; s|^User=.*|User=chalktalk|; s|^Group=.*|Group=chalktalk|' \
             -e '/^\\[Install/,$d' /usr/lib/systemd/system/chalktalkd.service > /etc/systemd/system/probe.service; \
         ip route add default dev eth0; systemctl daemon-reload; systemctl start probe.service",
    );
    let said = host.journal("probe.service");
    let fact = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no word of {name}: {said}")).to_owned()
    };
    for folder in ["/var/lib/probe", "/run/probe", "/tmp", "/var/tmp", "/dev/shm"] {
        assert_eq!(fact(&format!("run what it has put into {folder}")), "refused", "{said}");
    }
    let programs = ["run /bin/true", "run the command line", "run a library's loader"];
    let reach = ["write /etc", "look into /home", "make a set-uid file", "speak to the internet"];
    for attempt in programs.iter().chain(&reach) {
        assert_eq!(fact(attempt), "refused", "{attempt}: {said}");
    }
    assert_eq!(fact("see process 1"), "hidden", "{said}");
    for need in ["write its state", "read /etc/passwd", "local sockets", "multicast", "speak to the network"]
    {
        assert_eq!(fact(need), "done", "{need}: {said}");
    }
}
