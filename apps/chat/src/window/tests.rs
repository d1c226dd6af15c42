//! The window without a screen: what it tells screen readers, what keys do, and what bad input costs.

use super::{preview::Found, view::View};
use crate::conversation::tests::message;
use crate::keep::{Change, Setting};
use crate::model::{
    Action, Effect, Input, Mode, Model, Portrait,
    tests::{act, ana, deliver, open, person},
};
use chalktalk_client::{
    Author, Blob, Message,
    chat::{Kind, Place, Saying},
    files::Offer,
};
use chalktalk_ipc::{BlobId, SessionId, UserId, event::Scope, request::Availability};
use eframe::egui::{
    Color32, ColorImage, Context, Event as Press, Key, Modifiers, PointerButton, Pos2, RawInput, Rect, Role,
    accesskit::Node, pos2, vec2,
};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// A window of ordinary size, and the chat in it.
struct Window {
    ctx: Context,
    view: View,
    model: Model,
    nodes: Vec<Node>,
}

impl Window {
    fn new(model: Model) -> Self {
        let ctx = Context::default();
        chalktalk_look::theme::set_up(&ctx);
        ctx.enable_accesskit();
        let mut this = Self { ctx, view: View::default(), model, nodes: Vec::new() };
        this.press(&[]);
        this
    }

    /// Lets two frames go by: what keys do in the first is in view in the second.
    fn press(&mut self, events: &[Press]) {
        self.frame(events);
        self.frame(&[]);
    }

    fn frame(&mut self, events: &[Press]) {
        let screen = Rect::from_min_size(Pos2::ZERO, vec2(1100.0, 800.0));
        let input = RawInput { screen_rect: Some(screen), events: events.to_vec(), ..RawInput::default() };
        let output = self.ctx.run_ui(input, |ui| self.view.show(ui, &mut self.model));
        if let Some(tree) = &output.platform_output.accesskit_update {
            self.nodes = tree.nodes.iter().map(|(_, node)| node.clone()).collect();
        }
        output.drop_without_applying_deltas();
    }

    fn key(&mut self, key: Key, modifiers: Modifiers) {
        self.press(&[Press::Key { key, physical_key: None, pressed: true, repeat: false, modifiers }]);
    }

    fn types(&mut self, text: &str) {
        self.press(&[Press::Text(text.into())]);
    }

    /// Names of everything with this role.
    fn names(&self, role: Role) -> Vec<&str> {
        self.nodes
            .iter()
            .filter(|node| node.role() == role)
            .filter_map(|node| node.label().or(node.value()))
            .collect()
    }

    /// All roles and names, for messages of failure.
    fn all(&self) -> Vec<(Role, &str)> {
        self.nodes.iter().filter_map(|node| Some((node.role(), node.label().or(node.value())?))).collect()
    }

    /// Clicks on the button of this name.
    fn click(&mut self, name: &str) {
        let node = self.nodes.iter().find(|node| node.role() == Role::Button && node.label() == Some(name));
        let bounds = node.and_then(Node::bounds).unwrap_or_else(|| panic!("no {name:?}: {:?}", self.all()));
        let pos = pos2((bounds.x0 + bounds.x1) as f32 / 2.0, (bounds.y0 + bounds.y1) as f32 / 2.0);
        let button = |pressed| Press::PointerButton {
            pos,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        self.frame(&[Press::PointerMoved(pos)]);
        self.frame(&[button(true)]);
        self.press(&[button(false)]);
    }

    /// How high the line is in which this stands.
    fn height_of(&self, name: &str) -> f64 {
        let line =
            |node: &&Node| node.role() == Role::ListItem && node.label().is_some_and(|it| it.contains(name));
        self.nodes.iter().find(line).and_then(Node::bounds).map_or(0.0, |bounds| bounds.height())
    }

    fn has(&self, role: Role, name: &str) -> bool {
        self.names(role).iter().any(|label| label.contains(name))
    }
}

fn rooms() -> Model {
    let mut model = ana();
    open(&mut model, 1, "#lobby", Scope::Open);
    open(&mut model, 2, "#garden", Scope::Open);
    let people = vec![
        person(1, "ana", "ana-laptop", Availability::Online),
        person(2, "ben", "ben-desk", Availability::Busy),
    ];
    model.update(Input::People(people), 0);
    model
}

/// Somebody else in `#lobby` says it.
fn says(model: &mut Model, stamp: u64, text: &str) {
    deliver(model, 1, 2, stamp, text);
}

#[test]
fn everything_in_the_window_has_a_name() {
    let mut model = rooms();
    act(&mut model, Action::Go(SessionId([1; 16])));
    says(&mut model, 1, "the **beans** are up");
    deliver(&mut model, 2, 2, 2, "unseen");
    let mut window = Window::new(model);
    for (role, name) in [
        (Role::ListItem, "#lobby"),
        (Role::ListItem, "#garden, 1 unread"),
        (Role::ListItem, "ben on ben-desk: busy"),
        (Role::ListItem, "the beans are up"),
        (Role::Button, "Go to a conversation"),
        (Role::Heading, "#lobby"),
    ] {
        assert!(window.has(role, name), "{role:?} {name:?} in {:?}", window.all());
    }
    window.types("half a sentence");
    let written = |node: &Node| node.value() == Some("half a sentence") && node.label() == Some("Message");
    assert!(window.nodes.iter().any(written), "{:?}", window.all());
    window.key(Key::F2, Modifiers::NONE);
    for name in ["Reply", "Pin", "Who has it", "React with 👍", "React with something else"] {
        assert!(window.has(Role::Button, name), "{name:?} in {:?}", window.all());
    }
    for node in window.nodes.iter().filter(|node| node.role() == Role::Button) {
        assert!(node.label().is_some_and(|label| !label.is_empty()), "a button without a name: {node:?}");
    }
}

#[test]
fn keys_open_the_switcher_and_the_help_and_close_them() {
    let mut window = Window::new(rooms());
    window.key(Key::K, Modifiers::COMMAND);
    assert!(window.has(Role::Window, "Go to"), "{:?}", window.all());
    window.types("lob");
    assert!(window.has(Role::Window, "Go to") && window.has(Role::ListItem, "#lobby"), "{:?}", window.all());
    window.key(Key::Enter, Modifiers::NONE);
    assert!(window.has(Role::Heading, "#lobby") && !window.has(Role::Window, ""), "{:?}", window.all());
    window.key(Key::F1, Modifiers::NONE);
    assert!(window.has(Role::Label, "Ctrl-K: quick switcher"), "{:?}", window.all());
    window.key(Key::PageDown, Modifiers::NONE);
    assert!(matches!(window.model.mode, Mode::Help(10..)), "{:?}", window.model.mode);
    (0..9).for_each(|_| window.key(Key::PageDown, Modifiers::NONE));
    let end = window.model.mode;
    window.key(Key::ArrowUp, Modifiers::NONE);
    assert_ne!(window.model.mode, end, "and it does not go on below its end");
    window.key(Key::Escape, Modifiers::NONE);
    assert_eq!(window.model.mode, Mode::Writing);
}

#[test]
fn the_window_is_as_dark_and_as_large_as_is_wanted() {
    let mut window = Window::new(rooms());
    assert!(!window.ctx.global_style().visuals.dark_mode);
    window.types("/theme dark");
    window.key(Key::Enter, Modifiers::NONE);
    window.key(Key::Plus, Modifiers::COMMAND);
    window.key(Key::Plus, Modifiers::COMMAND);
    window.key(Key::Minus, Modifiers::COMMAND);
    assert!(window.ctx.global_style().visuals.dark_mode && (window.ctx.zoom_factor() - 1.1).abs() < 0.01);
    let mut kept = window.model.take_effects().into_iter().filter_map(|effect| match effect {
        Effect::Keep(Change::Setting(setting)) => Some(setting),
        _ => None,
    });
    assert_eq!(kept.next(), Some(Setting::Dark(Some(true))));
    assert_eq!(kept.next_back(), Some(Setting::Size(110)));
    (0..40).for_each(|_| window.key(Key::Plus, Modifiers::COMMAND));
    assert_eq!(window.model.settings.size, 300);
    window.key(Key::Num0, Modifiers::COMMAND);
    assert_eq!(window.model.settings.size, 100);
}

#[test]
fn bad_input_is_harmless_and_not_slow() {
    let zalgo: String =
        "e".chars().chain((0..2000).map(|n| char::from_u32(0x300 + n % 0x70).unwrap())).collect();
    let bombs = [
        ("accents", zalgo.repeat(8)),
        ("a line of 64 KiB", "x".repeat(64 << 10)),
        ("words of 64 KiB", "xy ".repeat((64 << 10) / 3)),
        ("lines", "\n".repeat(60_000)),
        ("overrides", "\u{202e}abc\u{2066}def\u{2069}".repeat(4000)),
        ("both directions", "ש x ".repeat(12_000)),
        ("marks", "**_~~`[".repeat(9000)),
        ("links", "[a](http://x.example/) ".repeat(2800)),
        ("quotes of code", "```\n".repeat(15_000)),
        ("emoji", "👩‍👩‍👧‍👦".repeat(2600)),
        ("controls", "\u{1b}]0;x\u{7}\u{0}\r".repeat(8000)),
    ];
    for (what, text) in bombs {
        let mut model = rooms();
        act(&mut model, Action::Go(SessionId([1; 16])));
        says(&mut model, 1, &text);
        says(&mut model, 2, "and on we go");
        let start = Instant::now();
        let mut window = Window::new(model);
        let spent = start.elapsed();
        assert!(spent < Duration::from_secs(5), "{what}: {spent:?}");
        assert!(window.has(Role::ListItem, "and on we go"), "{what}");
        let controls = |name: &str| {
            name.contains(|c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c))
        };
        assert!(!window.all().iter().any(|(_, name)| controls(name)), "{what} is said with controls");
        // Pasted where one writes, it costs no more, and can be undone.
        let start = Instant::now();
        window.press(&[Press::Paste(text.clone())]);
        window.key(Key::ArrowUp, Modifiers::NONE);
        window.key(Key::Z, Modifiers::COMMAND);
        let spent = start.elapsed();
        assert!(spent < Duration::from_secs(5), "{what} where one writes: {spent:?}");
    }
}

#[test]
fn ten_thousand_reactions_are_counted_and_cost_little() {
    let mut model = rooms();
    act(&mut model, Action::Go(SessionId([1; 16])));
    let said = message(1, 2, 1, "who likes beans?");
    let react = |n: u32| {
        let emoji =
            ["👍", "🎉", "🫘"].get(n as usize % 4).map_or_else(|| format!("e{n}"), |it| (*it).to_owned());
        let kind = Kind::React { of: Place(said.position), emoji, off: false };
        let mut message = message(1, 3, u64::from(n) + 2, "");
        message.payload = Saying::new("👍", kind).payload().unwrap();
        let mut author = (*message.author).clone();
        author.user = UserId(*blake3::hash(&n.to_le_bytes()).as_bytes());
        Message { author: Arc::new(author), ..message }
    };
    let start = Instant::now();
    model.update(Input::Delivered(vec![said.clone()]), 0);
    (0..100).for_each(|part| {
        model.update(Input::Delivered((0..100).map(|n| react(part * 100 + n)).collect()), 0)
    });
    let taken = start.elapsed();
    let start = Instant::now();
    let mut window = Window::new(model);
    (0..20).for_each(|_| window.frame(&[]));
    let shown = start.elapsed();
    assert!(taken < Duration::from_secs(5) && shown < Duration::from_secs(5), "{taken:?}, then {shown:?}");
    let chips: Vec<&str> =
        window.names(Role::Button).into_iter().filter(|name| name.contains("and ")).collect();
    assert!(chips.iter().any(|name| name.starts_with("👍")), "{chips:?}");
    assert!(window.names(Role::Button).len() < 60, "not one for each: {}", window.names(Role::Button).len());
}

#[test]
fn who_looks_like_another_is_told_apart() {
    // The first letter of the second is Cyrillic; the third is written in capitals.
    let mut model = rooms();
    let people =
        [(1, "ana", "ana-laptop"), (4, "\u{430}na", "cellar"), (5, "ANA", "attic"), (6, "zoe", "shed")];
    let people = people.map(|(n, name, host)| person(n, name, host, Availability::Online));
    model.update(Input::People(people.to_vec()), 0);
    act(&mut model, Action::Go(SessionId([1; 16])));
    for (n, name, host) in [(4, "\u{430}na", "cellar"), (5, "ANA", "attic"), (6, "zoe", "shed")] {
        let said = message(1, n, n.into(), "lend me your key");
        let author = Author { name: name.into(), host: host.into(), ..(*said.author).clone() };
        model.update(Input::Delivered(vec![Message { author: Arc::new(author), ..said }]), 0);
    }
    let window = Window::new(model);
    for (author, shown) in
        [("\u{430}na@cellar, ", true), ("ANA@attic, ", true), ("zoe, ", true), ("zoe@shed, ", false)]
    {
        assert_eq!(window.has(Role::ListItem, author), shown, "{author} in {:?}", window.all());
    }
}

/// Somebody else has offered a file, which is on this host.
fn offered(model: &mut Model, name: &str) -> Offer {
    let blob = Blob { id: BlobId([7; 32]), size: 2000 };
    let offer = Offer::file(name, blob);
    says(model, 1, &offer.to_string());
    let here = BTreeMap::from([(blob.id, false)]);
    model.update(Input::Files { session: SessionId([1; 16]), found: Vec::new(), here }, 0);
    offer
}

#[test]
fn pictures_are_shown_that_are_here() {
    let mut model = rooms();
    act(&mut model, Action::Go(SessionId([1; 16])));
    offered(&mut model, "garden.png");
    let mut window = Window::new(model);
    let wanted = window.view.previews.take_wanted();
    let [wanted] = &wanted[..] else { panic!("{wanted:?}") };
    assert!(!window.has(Role::Button, "garden.png"), "nothing is known of it yet");
    let pixels = ColorImage::filled([300, 200], Color32::GREEN);
    window.view.previews.put(wanted, Found::Picture(pixels, [3000, 2000]), &window.ctx);
    window.press(&[]);
    assert!(window.has(Role::Button, "Show garden.png large"), "{:?}", window.all());
    window.click("Show garden.png large");
    let large = window.view.previews.take_wanted();
    assert_eq!(large.len(), 1, "it is looked at once more, for the larger one");
    window.view.previews.put(&large[0], Found::Nothing("it is damaged".into()), &window.ctx);
    window.press(&[]);
    assert!(window.has(Role::Window, "garden.png"), "{:?}", window.all());
    window.key(Key::Escape, Modifiers::NONE);
    assert!(!window.has(Role::Window, "garden.png"), "{:?}", window.all());
}

#[test]
fn what_cannot_be_shown_says_why_and_nothing_is_fetched_to_show_it() {
    let mut model = rooms();
    act(&mut model, Action::Go(SessionId([1; 16])));
    let offer = Offer::file("elsewhere.png", Blob { id: BlobId([8; 32]), size: 2000 });
    says(&mut model, 2, &offer.to_string());
    offered(&mut model, "bomb.png");
    let mut window = Window::new(model);
    let wanted = window.view.previews.take_wanted();
    assert_eq!(wanted.len(), 1, "only what is here: {wanted:?}");
    let before = window.height_of("bomb.png");
    window.view.previews.put(&wanted[0], Found::Nothing("too large".into()), &window.ctx);
    window.press(&[]);
    assert!(window.height_of("bomb.png") > before, "it says why");
}

#[test]
fn what_is_pasted_is_sent_when_one_says_so() {
    let mut model = rooms();
    act(&mut model, Action::Go(SessionId([1; 16])));
    let mut window = Window::new(model);
    let shared = |window: &mut Window| {
        let shared = |effect: &Effect| matches!(effect, Effect::SharePicture { .. });
        window.model.take_effects().into_iter().filter(shared).collect::<Vec<_>>()
    };
    let paste = Press::PasteImage(Arc::new(ColorImage::filled([40, 30], Color32::RED)));
    window.press(std::slice::from_ref(&paste));
    assert!(window.has(Role::Window, "Send this picture to #lobby?"), "{:?}", window.all());
    window.key(Key::Escape, Modifiers::NONE);
    assert!(!window.has(Role::Window, "Send this picture"), "{:?}", window.all());
    assert!(shared(&mut window).is_empty());
    window.press(std::slice::from_ref(&paste));
    window.key(Key::Enter, Modifiers::NONE);
    let [Effect::SharePicture { name, pixels, .. }] = &shared(&mut window)[..] else { panic!("not sent") };
    assert!(name.starts_with("Picture ") && name.ends_with(".png"), "{name}");
    assert_eq!((pixels.width, pixels.height, &pixels.rgba[..4]), (40, 30, &[255, 0, 0, 255][..]));
    window.press(&[paste]);
    window.click("Do not send");
    assert!(!window.has(Role::Window, "Send this picture"), "{:?}", window.all());
    assert!(shared(&mut window).is_empty());
}

#[test]
fn what_is_pasted_over_ones_own_profile_is_what_one_looks_like() {
    let mut model = rooms();
    act(&mut model, Action::Go(SessionId([1; 16])));
    says(&mut model, 1, "hello");
    let mut window = Window::new(model);
    let asked = |window: &mut Window| {
        let all = window.model.take_effects().into_iter();
        let of_interest = |effect: &Effect| {
            matches!(
                effect,
                Effect::SharePicture { .. } | Effect::Share { .. } | Effect::Avatar(_) | Effect::Join { .. }
            )
        };
        all.filter(of_interest).collect::<Vec<_>>()
    };
    let picture = Press::PasteImage(Arc::new(ColorImage::filled([40, 30], Color32::RED)));
    let list = Press::Paste("file:///home/ana/me.png\nfile:///home/ana/b.png".into());
    window.click("About ana");
    assert!(window.has(Role::Window, "What others see of you"), "{:?}", window.all());
    assert!(!window.has(Role::Button, "Take the picture away"), "there is none");
    window.press(&[picture]);
    assert!(
        matches!(&asked(&mut window)[..], [Effect::Avatar(Portrait::Pixels(pixels))] if pixels.width == 40)
    );
    window.press(std::slice::from_ref(&list));
    let file = Effect::Avatar(Portrait::File("/home/ana/me.png".into()));
    assert_eq!(asked(&mut window), [file], "one, and nothing is offered");
    window.model.update(Input::Avatars(vec![(UserId([1; 32]), Some(b"x"[..].into()))]), 0);
    window.press(&[]);
    window.click("Take the picture away");
    assert_eq!(asked(&mut window), [Effect::Avatar(Portrait::Generated)]);
    window.key(Key::Escape, Modifiers::NONE);
    assert!(!window.has(Role::Window, "What others see"), "{:?}", window.all());
    window.press(&[list]);
    assert!(matches!(asked(&mut window)[..], [Effect::Share { .. }, Effect::Share { .. }]));
    // Of somebody else it can be seen, and talked to them.
    window.click("About ben");
    assert!(window.names(Role::Label).iter().any(|line| line.contains("ben-desk")), "{:?}", window.all());
    window.click("Write to them");
    assert!(matches!(asked(&mut window)[..], [Effect::Join { .. }]));
    assert!(!window.has(Role::Window, "About ben"));
    // A file is chosen where one writes: its path can be completed and dropped there.
    window.click("About ana");
    window.click("Choose a file");
    assert_eq!(window.model.current().unwrap().editor.text(), "/avatar ");
}

#[test]
fn only_what_is_in_view_is_laid_out() {
    let mut model = rooms();
    act(&mut model, Action::Go(SessionId([1; 16])));
    for stamp in 0..5000 {
        says(&mut model, stamp, &format!("line {stamp} of the talk"));
    }
    let mut window = Window::new(model);
    assert!(window.has(Role::ListItem, "line 4999 of") && !window.has(Role::ListItem, "line 4000 of"));
    window.key(Key::PageUp, Modifiers::NONE);
    assert!(!window.has(Role::ListItem, "line 4999 of") && window.has(Role::ListItem, "line 4970 of"));
    let shown = window.names(Role::ListItem).iter().filter(|name| name.contains("of the talk")).count();
    assert!((10..100).contains(&shown), "{shown} lines are laid out");
    window.key(Key::Escape, Modifiers::NONE);
    assert!(window.has(Role::ListItem, "line 4999 of"), "Esc leads back to the newest");
}

#[test]
fn the_bell_says_how_much_is_shown_on_the_desktop_and_a_click_changes_it() {
    let mut window = Window::new(rooms());
    assert!(window.has(Role::Button, "Notifications: mentions"), "{:?}", window.all());
    // At the right end of the header.
    let at = Pos2::new(1100.0 - 204.0 - 30.0, 24.0);
    let button = |pressed| Press::PointerButton {
        pos: at,
        button: eframe::egui::PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    for level in ["nothing", "everything", "mentions"] {
        window.press(&[Press::PointerMoved(at)]);
        window.press(&[button(true)]);
        window.press(&[button(false)]);
        assert!(window.has(Role::Button, &format!("Notifications: {level}")), "{:?}", window.all());
    }
}
