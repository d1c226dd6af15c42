//! Files on the command line: offered, listed, fetched, and never written where they do not belong.

use chalktalk_tests::{
    lab::{Host, Lab},
    programs::SOON,
    runner::Test,
    tests, wait,
};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

pub(crate) const TESTS: &[Test] = tests![
    files_and_folders_are_offered_listed_and_fetched,
    names_that_deceive_stay_in_the_folder_that_was_named,
    what_cannot_be_sent_or_had_is_said,
];

fn run(host: &Host, arguments: &[&str]) -> String {
    let output = host.chalktalk(arguments);
    assert_eq!(output.code(), 0, "{arguments:?}: {}", output.log);
    output.log
}

fn folder(host: &Host, name: &str) -> PathBuf {
    let path = host.dir().join(name);
    fs::create_dir_all(&path).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What was offered in a room, once it is so many.
fn offered(host: &Host, room: &str, count: usize) -> Vec<Value> {
    wait::for_some(SOON, "the offers to arrive", || {
        let list = host.facts(&["file", "list", room]);
        list.as_array().filter(|list| list.len() == count).cloned()
    })
}

/// Everything below a folder, by its path in it.
fn below(path: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(below(&entry.path()).into_iter().map(|path| format!("{name}/{path}"))),
            false => found.push(name),
        }
    }
    found.sort();
    found
}

fn files_and_folders_are_offered_listed_and_fetched() {
    let (lab, _daemons) = Lab::talking(2);
    let (ana, ben) = (lab.host(1), lab.host(2));
    let source = folder(ana, "source");
    let report = source.join("report.pdf");
    fs::write(&report, vec![b'r'; 700_000]).unwrap();
    let photos = folder(ana, "source/photos");
    for (path, contents) in [("one.txt", "1"), ("deeper/two.txt", "2"), ("run.sh", "#!/bin/sh")] {
        fs::create_dir_all(photos.join(path).parent().unwrap()).unwrap();
        fs::write(photos.join(path), contents).unwrap();
    }
    fs::set_permissions(photos.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", photos.join("link")).unwrap();
    run(ben, &["room", "join", "#files"]);
    let log = run(ana, &["file", "send", "#files", text(&report), text(&photos)]);
    assert!(log.contains("offered 📎 report.pdf (683.6 KiB)") && log.contains("photos (3 files"), "{log}");
    assert!(log.contains("link: left out"), "links are not followed: {log}");
    fs::remove_dir_all(&source).unwrap();

    let list = offered(ben, "#files", 2);
    let keys = |n: usize, key: &str| list[n][key].clone();
    assert_eq!(
        (keys(0, "name"), keys(0, "size"), keys(0, "from")),
        ("report.pdf".into(), 700_000.into(), "ana".into())
    );
    assert_eq!((keys(0, "here"), keys(1, "folder")), (false.into(), true.into()));
    let target = folder(ben, "target");
    run(ben, &["file", "get", "#files", "report.pdf", text(&target)]);
    let id: String = keys(0, "blob").as_str().unwrap().chars().take(10).collect();
    let json = ben.chalktalk(&["file", "get", "#files", &id, text(&target), "--json"]).json_lines();
    assert_eq!(json[0]["path"], text(&target.join("report (2).pdf")), "nothing is overwritten");
    run(ben, &["file", "get", "#files", "photos", text(&target)]);
    assert_eq!(
        below(&target),
        ["photos/deeper/two.txt", "photos/one.txt", "photos/run.sh", "report (2).pdf", "report.pdf"]
    );
    assert!(fs::read(target.join("report.pdf")).unwrap() == vec![b'r'; 700_000]);
    let mode = |name: &str| fs::metadata(target.join(name)).unwrap().permissions().mode() & 0o100;
    assert_eq!((mode("photos/run.sh"), mode("photos/one.txt")), (0o100, 0));
    assert_eq!(offered(ben, "#files", 2)[0]["here"], true);
    run(ben, &["file", "drop", "#files", "report.pdf"]);
    run(ben, &["file", "drop", "#files", "photos"]);
    wait::until(SOON, "both to be dropped", || {
        offered(ben, "#files", 2).iter().all(|offer| offer["here"] == false)
    });
    let kept = ben.dir().join("state/chalktalk/blobs");
    wait::until(SOON, "the disk to be free of them", || below(&kept).is_empty());
}

fn names_that_deceive_stay_in_the_folder_that_was_named() {
    let (lab, _daemons) = Lab::talking(2);
    let (ana, ben) = (lab.host(1), lab.host(2));
    run(ben, &["room", "join", "#files"]);
    let source = folder(ana, "source");
    let names = ["-rf", ".bashrc", "photo\u{202e}gpj.exe", "a\nb", "con", "日本語.txt"];
    for name in names {
        fs::write(source.join(name), name).unwrap();
        run(ana, &["file", "send", "#files", text(&source.join(name))]);
    }
    let list = offered(ben, "#files", names.len());
    let shown: Vec<&str> = list.iter().map(|offer| offer["name"].as_str().unwrap()).collect();
    assert_eq!(shown, ["_rf", "_bashrc", "photogpj.exe", "a_b", "_con", "日本語.txt"]);
    // Offers that nobody's `file send` makes.
    let (id, size) = (list[0]["blob"].as_str().unwrap(), &list[0]["size"]);
    for name in ["../../x", "/etc/cron.d/x", ".."] {
        ana.send("#files", &format!("📎 {name} (1 B) blob:{id}:{size}"));
    }
    let target = folder(ben, "deep/target");
    for offer in offered(ben, "#files", names.len() + 3) {
        run(ben, &["file", "get", "#files", offer["name"].as_str().unwrap(), text(&target)]);
    }
    let mut got = below(&target);
    got.sort();
    assert_eq!(
        got,
        ["_._.._x", "_bashrc", "_con", "_etc_cron.d_x", "_rf", "a_b", "file", "photogpj.exe", "日本語.txt"]
    );
    assert_eq!(below(&ben.dir().join("deep")).len(), got.len(), "and nowhere else");
}

fn what_cannot_be_sent_or_had_is_said() {
    let (lab, _daemons) = Lab::talking(2);
    let (ana, ben) = (lab.host(1), lab.host(2));
    run(ben, &["room", "join", "#files"]);
    let ends = |host: &Host, arguments: &[&str], code: i32, said: &str| {
        let output = host.chalktalk(arguments);
        assert!(
            output.code() == code && output.log.contains(said),
            "{arguments:?}: {} {}",
            output.code(),
            output.log
        );
    };
    ends(ana, &["file", "send", "#files", "/nowhere/x"], 1, "cannot read /nowhere/x");
    ends(ana, &["file", "send", "#files", "/dev/null"], 1, "neither a file nor a folder");
    let empty = folder(ana, "empty");
    ends(ana, &["file", "send", "#files", text(&empty)], 1, "no file in it");
    ends(ben, &["file", "get", "#files", "x"], 1, "nothing called");
    ends(ben, &["file", "get", "#files", "x", "/nowhere"], 1, "is no folder");
    ana.send("#files", &format!("📎 phantom.iso (1 B) blob:{}:1000000", "ab".repeat(32)));
    ana.send("#files", &format!("📎 huge.iso (1 B) blob:{}:{}", "cd".repeat(32), u64::MAX));
    offered(ben, "#files", 2);
    ends(ben, &["file", "get", "#files", "phantom.iso", "--timeout", "1.5"], 5, "nobody who has it");
    ends(ben, &["file", "get", "#files", "huge.iso"], 4, "larger than");
}
