use super::*;
use crate::{
    model::{Actor, Board, Bounds, Colour, Edits, Sample},
    render::{Painter, Picture, Raster},
};
use std::{env, fs, path::PathBuf};

const WHITE: Colour = Colour::rgb(255, 255, 255);

fn board(shapes: &[Shape]) -> Board {
    let mut board = Board::new(Actor(1));
    board.paste(shapes, [0.0, 0.0]).unwrap();
    board
}

/// The whole board as a picture at most 400 pixels wide and high.
fn pixels(board: &Board, images: &Images) -> (Vec<u8>, [u16; 2]) {
    let mut painter = Painter::default();
    let pictures: Vec<Picture> = board.shapes().map(|shape| painter.picture(shape)).collect();
    let part = board.bounds().unwrap_or(Bounds { min: [0.0; 2], max: [1.0; 2] }).grown(4.0);
    let scale = 400.0 / part.size()[0].max(part.size()[1]);
    let size = part.size().map(|side| (side * scale).ceil().max(1.0) as u16);
    (Raster::default().draw(&pictures, images, part.min, scale, size, WHITE), size)
}

fn json_of(board: &Board) -> String {
    to_json(board, &Progress::default()).unwrap()
}

/// Mean difference of two pictures of the same size, 0 to 255.
pub(super) fn difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let sum: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.len() as f64
}

/// Drawings of others (where they are at hand) and one of our own.
fn drawings(ending: &str) -> Vec<(String, Vec<u8>)> {
    let folder = env::var_os("CHALKTALK_TEST_DATA").map(|data| PathBuf::from(data).join("drawings"));
    let files = folder.into_iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let mut all: Vec<(String, Vec<u8>)> = files
        .filter(|file| file.path().extension().is_some_and(|e| e == ending))
        .map(|file| (file.file_name().to_string_lossy().into_owned(), fs::read(file.path()).unwrap()))
        .collect();
    all.sort();
    let own: &[u8] = match ending {
        "svg" => br##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 80 60"><g transform="translate(5 5)">
            <path d="M0 0h40v30h-40z M10 10h20v10h-20z" fill="#28c" fill-rule="evenodd"/>
            <circle cx="55" cy="20" r="12" fill="none" stroke="tomato" stroke-width="3"/></g></svg>"##,
        _ => br##"{"type":"excalidraw","elements":[
            {"type":"rectangle","x":0,"y":0,"width":100,"height":60,"strokeColor":"#1e1e1e","backgroundColor":"#a5d8ff","fillStyle":"solid","strokeWidth":2},
            {"type":"arrow","x":10,"y":80,"points":[[0,0],[40,20],[90,5]],"endArrowhead":"triangle","strokeColor":"#e03131","strokeWidth":2},
            {"type":"text","x":20,"y":20,"width":60,"height":25,"text":"A note","fontSize":20,"strokeColor":"#1e1e1e"},
            {"type":"freedraw","x":120,"y":10,"points":[[0,0],[5,9],[14,12],[30,3]],"pressures":[0.2,0.5,0.8,0.4],"strokeColor":"#2f9e44","strokeWidth":1}]}"##,
    };
    all.push(("own".into(), own.to_vec()));
    all
}

#[test]
fn excalidraw_drawings_survive_the_way_in_and_out() {
    for (name, file) in drawings("excalidraw") {
        let mut images = Images::default();
        let drawing = read(&file, &mut images, &Progress::default()).unwrap();
        assert!(drawing.remarks.is_empty(), "{name}: {:?}", drawing.remarks);
        let first = board(&drawing.shapes);
        let again = read(
            to_excalidraw(&first, &images, &Progress::default()).unwrap().as_bytes(),
            &mut images,
            &Progress::default(),
        )
        .unwrap();
        let second = board(&again.shapes);
        assert_eq!(first.len(), second.len(), "{name}");
        let ((a, size), (b, other)) = (pixels(&first, &images), pixels(&second, &images));
        assert_eq!(size, other, "{name}");
        let off = difference(&a, &b);
        assert!(off < 0.6, "{name} differs by {off}");
        assert!(difference(&a, &vec![255; a.len()]) > 1.0, "{name} shows something");
    }
}

#[test]
fn our_own_files_are_the_same_after_reading_and_writing() {
    for (name, file) in drawings("excalidraw").into_iter().chain(drawings("svg")) {
        let mut images = Images::default();
        let first = board(&read(&file, &mut images, &Progress::default()).unwrap().shapes);
        let text = json_of(&first);
        let second = board(&read(text.as_bytes(), &mut images, &Progress::default()).unwrap().shapes);
        let off = difference(&pixels(&first, &images).0, &pixels(&second, &images).0);
        assert!(off < 0.2, "{name} differs by {off}");
        let third = json_of(&board(
            &read(json_of(&second).as_bytes(), &mut images, &Progress::default()).unwrap().shapes,
        ));
        assert_eq!(json_of(&second).len(), third.len(), "{name}: nothing drifts");
    }
}

#[test]
fn svg_drawings_come_in() {
    for (name, file) in drawings("svg") {
        let drawing = read(&file, &mut Images::default(), &Progress::default()).unwrap();
        assert!(drawing.remarks.is_empty(), "{name}: {:?}", drawing.remarks);
        let shown = board(&drawing.shapes);
        assert!(!shown.is_empty(), "{name}");
        let (rgba, _) = pixels(&shown, &Images::default());
        assert!(difference(&rgba, &vec![255; rgba.len()]) > 5.0, "{name} shows something");
    }
}

#[test]
fn what_svg_export_writes_looks_the_same_when_read() {
    let mut painter = Painter::default();
    let mut edits = Edits::new();
    let mut note = Shape {
        at: [10.0, 10.0],
        size: [160.0, 90.0],
        text: "Same picture".into(),
        ..Shape::new(Kind::Note)
    };
    note.angle = 0.2;
    edits.make(note);
    let mut ellipse = Shape { at: [200.0, 20.0], size: [90.0, 60.0], ..Shape::new(Kind::Ellipse) };
    (ellipse.style.fill, ellipse.style.width, ellipse.style.opacity) = (Colour::rgb(40, 120, 220), 5.0, 70);
    edits.make(ellipse);
    let mut first = Board::new(Actor(1));
    first.commit(edits).unwrap();
    let pictures: Vec<Picture> = first.shapes().map(|shape| painter.picture(shape)).collect();
    let part = first.bounds().unwrap().grown(10.0);
    let shapes = first.shapes().map(|shape| &**shape).zip(&pictures);
    let file = crate::render::svg(shapes, &Images::default(), part, WHITE, &Progress::default()).unwrap();
    let second =
        board(&from_svg(file.as_bytes(), &mut Images::default(), &Progress::default()).unwrap().shapes);
    // What was at the edge of the view box is at 0 now.
    let picture = |board: &Board, corner: [f32; 2]| {
        let pictures: Vec<Picture> = board.shapes().map(|shape| Painter::default().picture(shape)).collect();
        Raster::default().draw(&pictures, &Images::default(), corner, 1.0, [320, 140], WHITE)
    };
    let off = difference(&picture(&first, part.min), &picture(&second, [0.0, 0.0]));
    assert!(off < 0.5, "differs by {off}");
}

#[test]
fn hostile_and_broken_files_are_refused_with_a_reason_and_soon() {
    let started = std::time::Instant::now();
    let bomb = {
        let mut text = String::from("<!DOCTYPE svg [<!ENTITY a0 \"aaaaaaaaaa\">");
        for i in 1..12 {
            let before = format!("&a{};", i - 1).repeat(10);
            text += &format!("<!ENTITY a{i} \"{before}\">");
        }
        text + "]><svg xmlns=\"http://www.w3.org/2000/svg\"><text>&a11;</text></svg>"
    };
    let far = br#"{"format":"chalktalk-board","objects":[{"kind":"rectangle","at":[1e30,0],"size":[1,1]}]}"#;
    let cases: [(&str, &[u8]); 9] = [
        ("empty", b""),
        ("nothing known", b"\x00\x01\x02"),
        ("broken JSON", b"{\"format\": "),
        ("other JSON", b"{\"name\": 1}"),
        ("broken SVG", b"<svg xmlns='http://www.w3.org/2000/svg'><path"),
        ("bomb", bomb.as_bytes()),
        ("loop", b"<!DOCTYPE svg [<!ENTITY a \"&b;\"><!ENTITY b \"&a;\">]><svg>&a;</svg>"),
        ("kind", br#"{"format":"chalktalk-board","objects":[{"kind":"spaceship"}]}"#),
        ("broken picture", b"\x89PNG\r\n\x1a\nxxxxxxxxxxxxxxxxxxxxxxx"),
    ];
    for (name, file) in cases {
        let refused = read(file, &mut Images::default(), &Progress::default());
        let why = refused.map(|drawing| drawing.shapes.len()).expect_err(name).to_string();
        assert!(why.len() > 10, "{name}: {why}");
    }
    let out = read(far, &mut Images::default(), &Progress::default()).unwrap();
    assert!(out.shapes.is_empty() && out.remarks[0].contains("out of bounds"));
    assert!(started.elapsed().as_secs() < 20, "took {:?}", started.elapsed());
}

#[test]
fn an_svg_opens_nothing_and_runs_nothing() {
    let secret = env::temp_dir().join(format!("chalktalk-secret-{}.svg", std::process::id()));
    fs::write(
        &secret,
        "<svg xmlns='http://www.w3.org/2000/svg'><rect width='9' height='9' fill='red'/></svg>",
    )
    .unwrap();
    let file = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="alert(1)">
        <script>alert(1)</script>
        <image xlink:href="{}" width="10" height="10"/><image href="file://{0}" width="10" height="10"/>
        <image href="http://192.0.2.1/x.png" width="10" height="10"/><use href="http://192.0.2.1/y.svg#a"/>
        <rect width="5" height="5" fill="url(http://192.0.2.1/z#g)"/><rect width="7" height="7" fill="#123456"/></svg>"##,
        secret.display()
    );
    let drawing = read(file.as_bytes(), &mut Images::default(), &Progress::default()).unwrap();
    fs::remove_file(&secret).unwrap();
    let fills: Vec<Colour> = drawing.shapes.iter().map(|shape| shape.style.fill).collect();
    assert!(
        fills.contains(&Colour::rgb(0x12, 0x34, 0x56)) && !fills.contains(&Colour::rgb(255, 0, 0)),
        "{fills:?}"
    );
}

#[test]
fn a_person_can_write_a_board_by_hand() {
    let file = br##"{"format": "chalktalk-board", "objects": [
        {"kind": "arrow", "points": [[10, 10], [60, 40]], "ink": "#e03131", "width": 3},
        {"kind": "note", "at": [100, 0], "size": [120, 80], "text": "Buy chalk"}]}"##;
    let drawing = read(file, &mut Images::default(), &Progress::default()).unwrap();
    assert_eq!(drawing.shapes[0].at, [10.0, 10.0]);
    assert_eq!(drawing.shapes[1].text, "Buy chalk");
    let Some(Body::Points(points)) = &drawing.shapes[0].body else { panic!("no points") };
    assert_eq!(points.samples()[1], Sample { x: 50.0, y: 30.0, pressure: 0.5 });
}

#[test]
fn ten_million_points_and_a_picture_of_a_continent_are_refused_before_they_take_memory() {
    let points = "[0,0],".repeat(10_000_000);
    let file =
        format!(r#"{{"format":"chalktalk-board","objects":[{{"kind":"stroke","points":[{points}[1,1]]}}]}}"#);
    let why = read(file.as_bytes(), &mut Images::default(), &Progress::default()).unwrap_err().to_string();
    assert!(why.contains("8000000"), "{why}");
    // A file of few bytes that says it has 90,000 by 90,000 pixels.
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend([90_000u32.to_be_bytes(), 90_000u32.to_be_bytes()].concat());
    png.extend([8, 6, 0, 0, 0]);
    let sum = crc32(&png[12..]);
    png.extend(sum.to_be_bytes());
    png.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82");
    let why = read(&png, &mut Images::default(), &Progress::default()).unwrap_err().to_string();
    assert!(why.contains("90000 × 90000"), "{why}");
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte), |s, _| if s & 1 == 1 { s >> 1 ^ 0xedb8_8320 } else { s >> 1 })
    };
    !bytes.iter().fold(!0, step)
}

#[test]
fn pages_of_a_pdf_come_in_as_they_were_printed() {
    let mut painter = Painter::default();
    let mut edits = Edits::new();
    let note =
        Shape { at: [10.0, 10.0], size: [160.0, 90.0], text: "Same page".into(), ..Shape::new(Kind::Note) };
    edits.make(note);
    let mut ellipse = Shape { at: [200.0, 20.0], size: [90.0, 60.0], ..Shape::new(Kind::Ellipse) };
    (ellipse.style.fill, ellipse.style.width) = (Colour::rgb(40, 120, 220), 5.0);
    edits.make(ellipse);
    let mut first = Board::new(Actor(1));
    first.commit(edits).unwrap();
    let pictures: Vec<Picture> = first.shapes().map(|shape| painter.picture(shape)).collect();
    let part = Bounds { min: [0.0, 0.0], max: [320.0, 140.0] };
    let file = crate::render::pdf(&pictures, &Images::default(), part, WHITE, &Progress::default()).unwrap();
    let drawing = read(&file, &mut Images::default(), &Progress::default()).unwrap();
    let (frame, rest) = drawing.shapes.split_first().unwrap();
    assert_eq!((frame.kind, frame.text.as_str()), (Kind::Frame, "Page 1"));
    assert!(rest.len() >= 3 && rest.iter().all(|shape| shape.groups == [1]), "{} objects", rest.len());
    let scale = frame.size[0] / 320.0;
    let second = board(rest);
    let picture = |board: &Board, scale: f32| {
        let pictures: Vec<Picture> = board.shapes().map(|shape| Painter::default().picture(shape)).collect();
        Raster::default().draw(&pictures, &Images::default(), [0.0, 0.0], scale, [320, 140], WHITE)
    };
    let off = difference(&picture(&first, 1.0), &picture(&second, 1.0 / scale));
    assert!(off < 0.8, "differs by {off}");
    for at in (0..file.len()).step_by(97) {
        let mut bad = file.clone();
        bad[at] ^= 0x41;
        let _read_or_refused = read(&bad, &mut Images::default(), &Progress::default());
        let _read_or_refused = read(&file[..at.max(4)], &mut Images::default(), &Progress::default());
    }
    assert!(read(b"%PDF-1.7 and nothing more", &mut Images::default(), &Progress::default()).is_err());
}

/// A picture of the board at one pixel a unit from 0, 0 on.
pub(super) fn plain(shapes: &[Shape], images: &Images, size: [u16; 2], scale: f32) -> Vec<u8> {
    let pictures: Vec<Picture> = shapes.iter().map(|shape| Painter::default().picture(shape)).collect();
    Raster::default().draw(&pictures, images, [0.0, 0.0], scale, size, WHITE)
}

/// What a rectangle from 20, 20 to 220, 120 looks like that goes from red to blue, and a circle at 320, 70 that does from its middle
/// outwards; `seen`: what no clip hides.
pub(super) fn gradients(seen: impl Fn(f32, f32) -> bool) -> Vec<u8> {
    let mut out = Vec::new();
    for y in 0..140 {
        for x in 0..400 {
            let (x, y) = (x as f32 + 0.5, y as f32 + 0.5);
            let far = (x - 320.0).hypot(y - 70.0) / 50.0;
            let way = match (far <= 1.0, (20.0..220.0).contains(&x) && (20.0..120.0).contains(&y)) {
                (true, _) => Some(far),
                (_, true) => Some((x - 20.0) / 200.0),
                _ => None,
            };
            let pixel = match way.filter(|_| seen(x, y)) {
                Some(way) => [255.0 * (1.0 - way), 0.0, 255.0 * way].map(|c| c.round() as u8),
                None => [255; 3],
            };
            out.extend(pixel);
            out.push(255);
        }
    }
    out
}

#[test]
fn gradients_of_an_svg_look_as_they_were_drawn() {
    let file = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 140" width="400" height="140"><defs>
        <linearGradient id="l"><stop stop-color="#f00"/><stop offset="1" stop-color="#00f"/></linearGradient>
        <radialGradient id="r"><stop stop-color="#f00"/><stop offset="1" stop-color="#00f"/></radialGradient></defs>
        <rect x="20" y="20" width="200" height="100" fill="url(#l)"/>
        <g transform="translate(220 -30)"><circle cx="100" cy="100" r="50" fill="url(#r)"/></g></svg>"##;
    let mut images = Images::default();
    let drawing = read(file.as_bytes(), &mut images, &Progress::default()).unwrap();
    assert!(drawing.remarks.is_empty(), "{:?}", drawing.remarks);
    let off = difference(&plain(&drawing.shapes, &images, [400, 140], 1.0), &gradients(|_, _| true));
    assert!(off < 0.6, "differs by {off}");
}

#[test]
fn pictures_in_an_svg_come_in_where_they_are() {
    let png = crate::render::to_png([3, 2], [200, 30, 30, 255].repeat(6)).unwrap();
    let data = chalktalk_ipc::base64::encode(&png);
    let file = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 100" width="200" height="100">
        <image x="30" y="20" width="60" height="40" href="data:image/png;base64,{data}"/></svg>"##
    );
    let mut images = Images::default();
    let drawing = read(file.as_bytes(), &mut images, &Progress::default()).unwrap();
    let [shape] = &drawing.shapes[..] else { panic!("{:?}", drawing) };
    assert_eq!((shape.at, shape.size, shape.angle), ([30.0, 20.0], [60.0, 40.0], 0.0));
    let shown = plain(&drawing.shapes, &images, [200, 100], 1.0);
    let at = |x: usize, y: usize| &shown[(y * 200 + x) * 4..][..3];
    assert_eq!([at(60, 40), at(10, 10), at(100, 70)], [&[200, 30, 30][..], &[255; 3], &[255; 3]]);
}

/// What an SVG file's words and paths look like, by their outlines alone.
fn outlines_of(file: &str, size: [u16; 2]) -> Vec<u8> {
    fn marks(group: &usvg::Group, out: &mut Picture) {
        for node in group.children() {
            match node {
                usvg::Node::Group(inner) => marks(inner, out),
                usvg::Node::Text(text) => marks(text.flattened(), out),
                usvg::Node::Path(path) => {
                    let Some(usvg::Paint::Color(c)) = path.fill().map(|fill| fill.paint()) else { continue };
                    let (colour, even_odd) = (Colour::rgb(c.red, c.green, c.blue), false);
                    let path = svg::kurbo_path(path, path.abs_transform());
                    out.push(crate::render::Mark::Fill { path, colour, even_odd });
                }
                usvg::Node::Image(_) => {}
            }
        }
    }
    let options =
        usvg::Options { fontdb: std::sync::Arc::new(lettering::database()), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(file, &options).unwrap();
    let mut picture = Picture::default();
    marks(tree.root(), &mut picture);
    Raster::default().draw([&picture], &Images::default(), [0.0, 0.0], 1.0, size, WHITE)
}

/// How far what comes in of an SVG file is from how another renderer draws the file: the mean difference of what is not as white in both, 0 to 255.
fn beside_another(file: &[u8]) -> (f64, Drawing) {
    let options =
        usvg::Options { fontdb: std::sync::Arc::new(lettering::database()), ..usvg::Options::default() };
    let tree = usvg::Tree::from_data(file, &options).unwrap();
    let scale = 1200.0 / tree.size().width().max(tree.size().height());
    let size = [tree.size().width(), tree.size().height()].map(|side| (side * scale).ceil() as u16);
    let mut theirs = resvg::tiny_skia::Pixmap::new(size[0].into(), size[1].into()).unwrap();
    theirs.fill(resvg::tiny_skia::Color::WHITE);
    let place = resvg::tiny_skia::Transform::from_scale(scale, scale);
    resvg::render(&tree, place, &mut theirs.as_mut());
    let mut images = Images::default();
    let drawing = from_svg(file, &mut images, &Progress::default()).unwrap();
    let mut painter = Painter::default();
    let pictures: Vec<Picture> =
        board(&drawing.shapes).shapes().map(|shape| painter.picture(shape)).collect();
    let ours = Raster::default().draw(&pictures, &images, [0.0, 0.0], scale, size, WHITE);
    let drawn = theirs
        .data()
        .chunks_exact(4)
        .zip(ours.chunks_exact(4))
        .filter(|(a, b)| a[..3] != [255; 3] || b[..3] != [255; 3]);
    let (mut sum, mut count) = (0, 0_u64);
    for (a, b) in drawn {
        sum += a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
        count += 4;
    }
    (sum as f64 / count.max(1) as f64, drawing)
}

#[test]
fn what_an_object_cannot_be_comes_in_as_a_picture_of_it() {
    let file = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 100" width="600" height="100"><defs>
        <linearGradient id="g"><stop stop-color="white"/><stop offset="1" stop-color="black"/></linearGradient>
        <mask id="m" maskUnits="userSpaceOnUse" x="0" y="0" width="100" height="100"><rect width="100" height="100" fill="url(#g)"/></mask>
        <pattern id="p" width="10" height="10" patternUnits="userSpaceOnUse"><circle cx="5" cy="5" r="4" fill="#07a"/></pattern>
        <filter id="b" x="-0.5" y="-0.5" width="2" height="2"><feGaussianBlur stdDeviation="6"/></filter>
        <clipPath id="i"><rect x="10" y="10" width="60" height="60"/></clipPath>
        <clipPath id="c"><circle cx="50" cy="50" r="40" clip-path="url(#i)"/></clipPath>
        <clipPath id="h"><circle cx="50" cy="50" r="30"/></clipPath></defs>
        <rect x="5" y="5" width="90" height="90" fill="#c30" mask="url(#m)"/>
        <g transform="translate(100)"><rect x="5" y="5" width="90" height="90" fill="url(#p)" stroke="#333" stroke-width="3"/></g>
        <g transform="translate(200)" opacity="0.6"><g filter="url(#b)"><rect x="30" y="30" width="40" height="40" fill="#090"/></g></g>
        <g transform="translate(300)"><g clip-path="url(#c)"><rect width="100" height="100" fill="#639"/></g></g>
        <g transform="translate(400)" clip-path="url(#h)"><image x="10" y="10" width="80" height="80" href="data:image/png;base64,DATA"/></g>
        <g transform="translate(500)" clip-path="url(#h)"><g mask="url(#m)"><rect width="100" height="100" fill="#036"/></g></g></svg>"##;
    let png =
        crate::render::to_png([2, 2], [[200, 30, 30, 255], [30, 200, 30, 255]].concat().repeat(2)).unwrap();
    let file = file.replace("DATA", &chalktalk_ipc::base64::encode(&png));
    let (far, drawing) = beside_another(file.as_bytes());
    assert_eq!(drawing.remarks, Vec::<String>::new());
    assert!(far < 4.0, "{far}");
    let images = drawing.shapes.iter().filter(|shape| shape.kind == Kind::Image).count();
    assert_eq!((images, drawing.shapes.len()), (6, 6));
}

#[test]
fn drawings_look_as_another_renderer_draws_them() {
    for (name, file) in drawings("svg") {
        let (far, _) = beside_another(&file);
        assert!(far < 8.0, "{name}: {far}");
    }
}

#[test]
fn words_of_an_svg_become_texts_where_they_were() {
    let file = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 300" width="400" height="300">
        <style>.red { fill: #c00 } @font-face { font-family: x; src: url(file:///etc/passwd) }</style>
        <text x="20" y="40" font-size="24" font-family="x">Plain words</text>
        <text x="380" y="40" font-size="20" text-anchor="end" class="red">at the end</text>
        <text x="200" y="80" font-size="20" text-anchor="middle" fill-opacity="0.5">in the middle</text>
        <text font-size="16"><tspan x="20" y="120">one line,</tspan><tspan x="20" dy="1.2em" fill="#00c">and another</tspan></text>
        <text transform="translate(250 120) rotate(30) scale(2)" font-size="10">turned and twice</text>
        <text x="20" y="200" font-size="18">שלום עולם</text>
        <text x="20" y="240" font-size="18" font-weight="bold">bold</text>
        <text x="120" y="240" font-size="18" letter-spacing="6">apart</text>
        <text x="220" y="240" font-size="18" transform="skewX(20)">slanting</text>
        <text x="20" y="280" font-size="18"><tspan>half </tspan><tspan font-weight="bold">heavy</tspan></text></svg>"##;
    let mut images = Images::default();
    let drawing = read(file.as_bytes(), &mut images, &Progress::default()).unwrap();
    assert!(drawing.remarks.is_empty(), "{:?}", drawing.remarks);
    let texts: Vec<&str> = drawing.shapes.iter().map(|shape| &*shape.text).collect();
    let expected = [
        "Plain words",
        "at the end",
        "in the middle",
        "one line,",
        "and another",
        "turned and twice",
        "שלום עולם",
        "",
        "",
        "",
        "half",
        "",
    ];
    assert_eq!(texts, expected);
    let outlines = drawing.shapes.iter().filter(|shape| shape.kind == Kind::Outline).count();
    assert_eq!(outlines, 4, "what a board's text cannot be is still seen");
    let [_, end, middle, one, another, turned, ..] = &drawing.shapes[..] else { panic!() };
    assert_eq!((end.font.align, end.style.ink), (crate::model::Align::Right, Colour::rgb(0xcc, 0, 0)));
    assert!((end.at[0] + end.size[0] - 380.0).abs() < 1.0, "{end:?}");
    assert!((middle.at[0] + middle.size[0] / 2.0 - 200.0).abs() < 1.0, "{middle:?}");
    assert_eq!(middle.style.ink.0[3], 128);
    assert!(one.groups == another.groups && one.groups.len() == 1, "lines of one text move together");
    assert!((turned.angle.to_degrees() - 30.0).abs() < 0.1 && (turned.font.size - 20.0).abs() < 0.1);
    let plain_file = file.replace("fill-opacity=\"0.5\"", "");
    let drawing = read(plain_file.as_bytes(), &mut images, &Progress::default()).unwrap();
    let (seen, meant) =
        (plain(&drawing.shapes, &images, [400, 300], 1.0), outlines_of(&plain_file, [400, 300]));
    let off = difference(&seen, &meant);
    assert!(off < 0.4, "differs by {off}");
    assert!(difference(&meant, &vec![255; meant.len()]) > 4.0, "there is something to be seen");
}

#[test]
fn of_what_an_svg_cuts_a_part_is_seen() {
    let file = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 100" width="300" height="100"><defs>
        <clipPath id="c"><circle cx="50" cy="50" r="40"/></clipPath>
        <clipPath id="both" clip-path="url(#c)"><rect x="0" y="0" width="50" height="100"/></clipPath></defs>
        <g clip-path="url(#c)"><rect x="10" y="10" width="80" height="80" fill="#c00"/>
            <rect x="45" y="45" width="10" height="10" fill="#00c"/>
            <rect x="0" y="0" width="9" height="9" fill="#0c0"/>
            <text x="35" y="40" font-size="12">whole</text></g>
        <g transform="translate(100)"><g clip-path="url(#both)"><rect x="10" y="10" width="80" height="80" fill="#c00"/></g></g>
        <g transform="translate(200)" clip-path="url(#c)"><path d="M0 50h100" stroke="#00c" stroke-width="20"/></g></svg>"##;
    let mut images = Images::default();
    let drawing = read(file.as_bytes(), &mut images, &Progress::default()).unwrap();
    assert!(drawing.remarks.is_empty(), "{:?}", drawing.remarks);
    let kinds: Vec<Kind> = drawing.shapes.iter().map(|shape| shape.kind).collect();
    assert_eq!(
        kinds,
        [Kind::Image, Kind::Outline, Kind::Text, Kind::Image, Kind::Image],
        "a piece only where something is cut"
    );
    let mut seen = plain(&drawing.shapes, &images, [300, 100], 1.0);
    let mut meant = Vec::new();
    for y in 0..100 {
        for x in 0..300 {
            let (column, x, y) = (x / 100, (x % 100) as f32 + 0.5, y as f32 + 0.5);
            let round = (x - 50.0).hypot(y - 50.0) < 40.0;
            let colour = match column {
                0 if (45.0..55.0).contains(&x) && (45.0..55.0).contains(&y) => [0, 0, 204],
                0 if round => [204, 0, 0],
                1 if round && x < 50.0 => [204, 0, 0],
                2 if round && (40.0..60.0).contains(&y) => [0, 0, 204],
                _ => [255; 3],
            };
            meant.extend(colour.into_iter().chain([255]));
        }
    }
    // The words are looked at elsewhere.
    for y in 25..45 {
        for x in 30..80 {
            let at = (y * 300 + x) * 4;
            seen[at..at + 4].copy_from_slice(&meant[at..at + 4]);
        }
    }
    let off = difference(&seen, &meant);
    assert!(off < 0.8, "differs by {off}");
}

#[test]
fn words_that_would_fill_the_memory_are_left_out_and_it_is_said() {
    let started = std::time::Instant::now();
    // A long text, shown 4^8 times.
    let mut uses = format!("<text id=\"u0\" x=\"0\" y=\"20\">{}</text>", "words ".repeat(2_000));
    for n in 1..9 {
        let inner = format!("<use href=\"#u{}\"/>", n - 1).repeat(4);
        uses += &format!("<g id=\"u{n}\">{inner}</g>");
    }
    let many = format!("<text>{}</text>", "word ".repeat(60_000));
    for words in [uses, many] {
        let file = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\"><rect width=\"9\" height=\"9\"/>{words}</svg>"
        );
        let drawing = read(file.as_bytes(), &mut Images::default(), &Progress::default()).unwrap();
        assert!(drawing.shapes.iter().any(|shape| shape.kind == Kind::Outline), "the rest comes in");
        assert!(
            drawing.remarks.iter().any(|remark| remark.contains("200000 letters")),
            "{:?}",
            drawing.remarks
        );
    }
    assert!(started.elapsed().as_secs() < 60, "took {:?}", started.elapsed());
}

#[test]
fn who_stops_does_not_wait_until_a_file_is_parsed() {
    let path = "<path d=\"M0 0 C1 2 3 4 5 6 L7 8 z\"/>".repeat(300_000);
    let file = format!("<svg xmlns=\"http://www.w3.org/2000/svg\">{path}</svg>");
    let progress = Progress::default();
    let stops = progress.clone();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        stops.stop();
        std::time::Instant::now()
    });
    let read = read(file.as_bytes(), &mut Images::default(), &progress);
    let waited = stopper.join().unwrap().elapsed();
    assert!(matches!(read, Err(ReadError::Stopped(_))), "{read:?}");
    assert_eq!(progress.now().what, "Reading", "it was still being parsed");
    assert!(waited.as_millis() < 1_000, "{waited:?}");
}
