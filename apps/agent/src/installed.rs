//! Putting apps into the user's own registry, and taking them out again: from a manifest, or from a `.desktop` file.
//!
//! Invariant: what is put there is a sound manifest that nobody but the user can write.

use crate::{
    desktop,
    manifest::{MAX_MANIFEST, Manifest},
    registry::{read_manifest, read_text},
};
use anyhow::{Context, anyhow, bail};
use chalktalk_ipc::AppId;
use std::{
    env,
    fs::{self, DirBuilder, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Reads a manifest, or makes one of a `.desktop` file. A bare name ending in `.desktop` is looked for where the system
/// keeps them. Returns where it was found, and its text.
pub fn read(file: &Path) -> anyhow::Result<(PathBuf, String, Manifest)> {
    if file.extension().is_some_and(|e| e == "desktop") {
        let path = find_desktop(file).ok_or_else(|| anyhow!("{}: there is no such file", file.display()))?;
        let name = |reason: String| anyhow!("{}: {reason}", path.display());
        let text = read_text(&path, None).map_err(name)?;
        let id = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let text = desktop::to_manifest(id, &text).map_err(name)?;
        let manifest =
            Manifest::parse(&text).map_err(|e| name(format!("it gives no sound manifest: {e}")))?;
        return Ok((path, text, manifest));
    }
    let manifest = read_manifest(file, None).map_err(|reason| anyhow!("{}: {reason}", file.display()))?;
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Ok((file.to_owned(), text, manifest))
}

/// Puts an app into the user's registry; one that was there is replaced.
pub fn add(file: &Path, folder: &Path) -> anyhow::Result<(AppId, PathBuf)> {
    let (_, text, manifest) = read(file)?;
    if text.len() as u64 > MAX_MANIFEST {
        bail!("{}: it is larger than {MAX_MANIFEST} bytes", file.display());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| folder.display().to_string())?;
    let path = folder.join(format!("{}.toml", manifest.app));
    let draft = folder.join(format!(".{}.new", manifest.app));
    let write = || {
        let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        fs::rename(&draft, &path)
    };
    write().with_context(|| path.display().to_string())?;
    Ok((manifest.app, path))
}

/// Takes an app out of the user's registry.
pub fn remove(app: &AppId, folder: &Path) -> anyhow::Result<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let toml = entries.filter(|path| path.extension().is_some_and(|e| e == "toml"));
    let mut theirs = toml.filter(|path| read_manifest(path, None).is_ok_and(|manifest| manifest.app == *app));
    let path = theirs.next().ok_or_else(|| {
        anyhow!("{app} is not among the apps that you have added; `chalktalk app list` shows where each comes from")
    })?;
    fs::remove_file(&path).with_context(|| path.display().to_string())?;
    Ok(path)
}

fn find_desktop(file: &Path) -> Option<PathBuf> {
    if file.components().count() > 1 || file.is_file() {
        return file.is_file().then(|| file.to_owned());
    }
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let own = set("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(set("HOME")?).join(".local/share")));
    let system = set("XDG_DATA_DIRS").unwrap_or_else(|| "/usr/local/share:/usr/share".into());
    let folders = own.into_iter().chain(env::split_paths(&system)).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join("applications").join(file)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_added_is_the_users_own_and_can_be_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (file, folder) = (dir.path().join("x.toml"), dir.path().join("apps"));
        fs::write(&file, "id = \"org.example.x\"\nname = \"X\"\nargv = [\"x\"]\n").unwrap();
        let (app, path) = add(&file, &folder).unwrap();
        assert_eq!((app.as_str(), &path), ("org.example.x", &folder.join("org.example.x.toml")));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        add(&file, &folder).unwrap();
        assert_eq!(remove(&app, &folder).unwrap(), path);
        assert!(remove(&app, &folder).unwrap_err().to_string().contains("app list"));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn what_is_wrong_is_not_added_and_named_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.toml");
        fs::write(&file, "id = \"org.example.x\"\nnome = \"X\"\n").unwrap();
        let error = add(&file, dir.path()).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("did you mean \"name\""), "{error}");
        assert!(add(&dir.path().join("none.desktop"), dir.path()).is_err());
    }

    #[test]
    fn a_desktop_file_becomes_a_manifest() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("org.example.Paint.desktop");
        fs::write(&file, "[Desktop Entry]\nType=Application\nName=Paint\nExec=paint --new %F\nIcon=paint\n")
            .unwrap();
        let (app, path) = add(&file, &dir.path().join("apps")).unwrap();
        assert_eq!(app.as_str(), "org.example.paint");
        let manifest = read_manifest(&path, None).unwrap();
        assert_eq!(manifest.argv.unwrap().program(), "paint");
    }
}
