use super::*;
use crate::{
    files::{
        self, Drawing,
        tests::{difference, gradients, plain},
    },
    progress::Stopped,
};
use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

/// A page by hand; `more` are objects from 5 on.
fn page([width, height]: [u16; 2], resources: &str, content: &str, more: &[String]) -> Vec<u8> {
    let mut parts = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 {width} {height}]/Contents 4 0 R/Resources<<{resources}>>>>"
        ),
        stream("", content),
    ];
    parts.extend_from_slice(more);
    let mut file = String::from("%PDF-1.7\n");
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", parts.len() + 1);
    for (index, part) in parts.iter().enumerate() {
        writeln!(table, "{:010} 00000 n ", file.len()).unwrap();
        writeln!(file, "{} 0 obj\n{part}\nendobj", index + 1).unwrap();
    }
    let start = file.len();
    file += &table;
    write!(file, "trailer<</Size {}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF", parts.len() + 1).unwrap();
    file.into_bytes()
}

fn stream(entries: &str, content: &str) -> String {
    format!("<<{entries}/Length {}>>stream\n{content}\nendstream", content.len())
}

fn pattern(entries: &str, content: &str) -> String {
    stream(&format!("/PatternType 1/TilingType 1/Resources<<>>{entries}"), content)
}

/// A transparency group over the whole of a page of 400 by 140 points.
fn group(entries: &str, content: &str) -> String {
    stream(
        &format!(
            "/Type/XObject/Subtype/Form/BBox[0 0 400 140]/Group<</S/Transparency/CS/DeviceRGB>>{entries}"
        ),
        content,
    )
}

const SIZE: [u16; 2] = [400, 140];

/// What a page of 400 by 140 points looks like, one pixel a point.
fn shown(resources: &str, content: &str, more: &[String]) -> (Vec<u8>, Vec<Shape>) {
    let (pixels, shapes, remarks) = told(resources, content, more);
    assert!(remarks.is_empty(), "{remarks:?}");
    (pixels, shapes)
}

fn told(resources: &str, content: &str, more: &[String]) -> (Vec<u8>, Vec<Shape>, Vec<String>) {
    let mut images = Images::default();
    let file = page(SIZE, resources, content, more);
    let Drawing { mut shapes, remarks } = files::read(&file, &mut images, &Progress::default()).unwrap();
    let frame = shapes.remove(0);
    assert!(shapes.iter().all(|shape| shape.groups == [1]));
    let pixels = plain(&shapes, &images, SIZE, 400.0 / frame.size[0]);
    // To be looked at.
    if let (Some(folder), Some(name)) =
        (std::env::var_os("CHALKTALK_PICTURES"), std::thread::current().name())
    {
        let (name, mut number) = (name.rsplit("::").next().unwrap(), 0);
        let path = loop {
            let path = std::path::Path::new(&folder).join(format!("pdf-{name}-{number}.png"));
            if !path.exists() {
                break path;
            }
            number += 1;
        };
        std::fs::write(path, to_png(SIZE.map(usize::from), pixels.clone()).unwrap()).unwrap();
    }
    (pixels, shapes, remarks)
}

/// A page whose pixels are these colours, by how far right and how far up they are; white: where nothing is.
fn meant(colour: impl Fn(f32, f32) -> Option<[f32; 3]>) -> Vec<u8> {
    let places = (0..140).flat_map(|y| (0..400).map(move |x| (x as f32 + 0.5, 139.5 - y as f32)));
    places
        .flat_map(|(x, y)| {
            let [r, g, b] =
                colour(x, y).unwrap_or([1.0; 3]).map(|c| (c * 255.0).round().clamp(0.0, 255.0) as u8);
            [r, g, b, 255]
        })
        .collect()
}

#[track_caller]
fn alike(seen: &[u8], meant: &[u8], most: f64) {
    let off = difference(seen, meant);
    assert!(off < most, "differs by {off}");
    let nothing = difference(meant, &vec![255; meant.len()]);
    assert!(nothing > 5.0 * most, "without anything it would differ by {nothing} alone");
}

const RED: [f32; 3] = [1.0, 0.0, 0.0];
const BLUE: [f32; 3] = [0.0, 0.0, 1.0];

fn within(x: f32, y: f32, [left, low, width, height]: [f32; 4]) -> bool {
    (left..left + width).contains(&x) && (low..low + height).contains(&y)
}

#[test]
fn gradients_look_as_they_were_printed() {
    let resources = "/Shading<</A 5 0 R/R 6 0 R>>/Pattern<</P 8 0 R>>";
    let more = [
        "<</ShadingType 2/ColorSpace/DeviceRGB/Coords[20 0 220 0]/Function 7 0 R>>",
        "<</ShadingType 3/ColorSpace/DeviceRGB/Coords[320 70 0 320 70 50]/Function 7 0 R>>",
        "<</FunctionType 2/Domain[0 1]/C0[1 0 0]/C1[0 0 1]/N 1>>",
        "<</PatternType 2/Shading 5 0 R>>",
    ]
    .map(str::to_owned);
    let shadings = "q 20 20 200 100 re W n /A sh Q q 0 0 400 140 re W n /R sh Q";
    alike(&shown(resources, shadings, &more).0, &gradients(|_, _| true), 0.6);
    // A pattern in a rectangle, within a clip that is a triangle.
    let clipped = "q 20 20 m 220 20 l 20 120 l h W n /Pattern cs /P scn 20 20 200 100 re f Q /R sh";
    let below = |x: f32, y: f32| x > 250.0 || (x - 20.0) / 200.0 <= (y - 20.0) / 100.0;
    alike(&shown(resources, clipped, &more).0, &gradients(below), 0.8);
}

#[test]
fn tiles_lie_side_by_side_from_where_the_page_begins() {
    let resources = "/Pattern<</C 5 0 R/U 6 0 R>>/ColorSpace<</UC[/Pattern/DeviceRGB]>>";
    let coloured = pattern(
        "/PaintType 1/BBox[0 0 20 20]/XStep 20/YStep 20/Matrix[1 0 0 1 5 0]",
        "1 0 0 rg 0 0 10 20 re f",
    );
    // What it paints lies outside of its step, in that of its neighbour.
    let uncoloured = pattern("/PaintType 2/BBox[0 0 30 20]/XStep -20/YStep 20", "20 0 10 10 re f");
    let stripe = |x: f32| (x - 5.0).rem_euclid(20.0) < 10.0;
    let check = |x: f32, y: f32| x.rem_euclid(20.0) < 10.0 && y.rem_euclid(20.0) < 10.0;
    let more = [coloured, uncoloured];
    // Many tiles of one, some of the other; both in one page, whose coordinates have changed meanwhile.
    let content = "q .5 0 0 .5 7 3 cm /Pattern cs /C scn 0 0 400 200 re f Q \
        q /UC cs 0 0 1 /U scn 240 20 40 40 re f Q q /UC CS 0 0 1 /U SCN 30 w 220 100 m 380 100 l S Q";
    let (seen, shapes) = shown(resources, content, &more);
    assert!(shapes.len() == 3 && shapes.iter().all(|shape| shape.kind == Kind::Image), "{shapes:?}");
    let expected = meant(|x, y| match () {
        () if within(x, y, [7.0, 3.0, 200.0, 100.0]) && stripe(x) => Some(RED),
        () if within(x, y, [240.0, 20.0, 40.0, 40.0]) && check(x, y) => Some(BLUE),
        () if within(x, y, [220.0, 85.0, 160.0, 30.0]) && check(x, y) => Some(BLUE),
        () => None,
    });
    alike(&seen, &expected, 0.5);
}

#[test]
fn tiles_that_are_turned_and_stretched_lie_as_they_should() {
    let turned = pattern(
        "/PaintType 1/BBox[0 0 12 12]/XStep 12/YStep 8/Matrix[1.5 1.5 -1 1 30 10]",
        "1 0 0 rg 0 0 6 8 re f",
    );
    let (seen, _) = shown("/Pattern<</C 5 0 R>>", "/Pattern cs /C scn 20 20 360 100 re f", &[turned]);
    // Back from the page to the pattern.
    let expected = meant(|x, y| {
        let (dx, dy) = (x - 30.0, y - 10.0);
        let across = (dx + dy) / 3.0;
        (within(x, y, [20.0, 20.0, 360.0, 100.0]) && across.rem_euclid(12.0) < 6.0).then_some(RED)
    });
    alike(&seen, &expected, 5.0);
}

/// A mask that goes from nothing at 20 to everything at 220.
fn ramp() -> [String; 3] {
    [
        group("/Resources<</Shading<</A 6 0 R>>>>", "/A sh"),
        "<</ShadingType 2/ColorSpace/DeviceGray/Coords[20 0 220 0]/Extend[true true]/Function 7 0 R>>".into(),
        "<</FunctionType 2/Domain[0 1]/C0[0]/C1[1]/N 1>>".into(),
    ]
}

#[test]
fn a_mask_by_light_fades_what_is_drawn_until_it_is_put_away() {
    let states = "/ExtGState<</M<</SMask<</S/Luminosity/G 5 0 R>>>>/T<</SMask<</S/Luminosity/G 5 0 R/TR 8 0 R>>>>\
        /N<</SMask/None>>>>";
    let mut more = ramp().to_vec();
    more.push("<</FunctionType 2/Domain[0 1]/C0[1]/C1[0]/N 1>>".into());
    let content = "q /M gs 1 0 0 rg 20 80 200 40 re f Q 0 0 1 rg 240 80 40 40 re f \
        q /T gs 1 0 0 rg 20 20 200 40 re f /N gs 0 0 1 rg 240 20 40 40 re f Q";
    let (seen, shapes) = shown(states, content, &more);
    let kinds: Vec<Kind> = shapes.iter().map(|shape| shape.kind).collect();
    assert_eq!(kinds, [Kind::Image, Kind::Outline, Kind::Image, Kind::Outline]);
    let faint = |by: f32| Some([1.0, 1.0 - by, 1.0 - by]);
    let expected = meant(|x, y| match (x - 20.0) / 200.0 {
        by if within(x, y, [20.0, 80.0, 200.0, 40.0]) => faint(by),
        by if within(x, y, [20.0, 20.0, 200.0, 40.0]) => faint(1.0 - by),
        _ if within(x, y, [240.0, 80.0, 40.0, 40.0]) || within(x, y, [240.0, 20.0, 40.0, 40.0]) => Some(BLUE),
        _ => None,
    });
    alike(&seen, &expected, 0.6);
}

#[test]
fn masks_by_opacity_with_a_ground_and_within_masks_hold_too() {
    let states = "/XObject<</X 9 0 R>>/ExtGState<<\
        /A<</SMask<</S/Alpha/G 8 0 R>>>>\
        /B<</SMask<</S/Luminosity/G 8 0 R/BC[1 1 1]>>>>\
        /W<</SMask<</S/Luminosity/G 10 0 R>>>>>>";
    let mut more = ramp().to_vec();
    // A square that is half there, black.
    more.push(group("/Resources<</ExtGState<</H<</ca .5>>>>>>", "/H gs 0 g 40 40 40 40 re f"));
    // Two squares, one on the other, as a group.
    more.push(group("", "0 0 1 rg 150 30 60 60 re f 1 0 0 rg 170 50 60 60 re f"));
    // A mask that is itself masked: white from nothing to everything, on black.
    more.push(group(
        "/Resources<</ExtGState<</M<</SMask<</S/Luminosity/G 5 0 R>>>>>>>>",
        "/M gs 1 g 0 0 400 140 re f",
    ));
    let content = "q /A gs 1 0 0 rg 20 20 100 100 re f Q \
        q 1 0 0 1 250 0 cm /B gs 1 0 0 rg 20 20 100 100 re f Q q /W gs /X Do Q";
    let (seen, shapes) = shown(states, content, &more);
    assert!(shapes.len() == 3 && shapes.iter().all(|shape| shape.kind == Kind::Image), "{shapes:?}");
    let half = Some([1.0, 0.5, 0.5]);
    let expected = meant(|x, y| match (x - 20.0) / 200.0 {
        _ if within(x, y, [40.0, 40.0, 40.0, 40.0]) => half,
        _ if within(x, y, [290.0, 40.0, 40.0, 40.0]) => half,
        _ if within(x, y, [270.0, 20.0, 100.0, 100.0]) => Some(RED),
        by if within(x, y, [170.0, 50.0, 60.0, 60.0]) => Some([1.0, 1.0 - by.min(1.0), 1.0 - by.min(1.0)]),
        by if within(x, y, [150.0, 30.0, 60.0, 60.0]) => Some([1.0 - by, 1.0 - by, 1.0]),
        _ => None,
    });
    alike(&seen, &expected, 0.6);
}

#[test]
fn pictures_with_masks_of_their_own_and_in_the_text_are_seen_through() {
    let image = "/Type/XObject/Subtype/Image/Width 2/Height 1/BitsPerComponent 8/Filter/ASCIIHexDecode";
    let more = [
        stream(&format!("{image}/ColorSpace/DeviceRGB/SMask 6 0 R"), "ff0000ff0000>"),
        stream(&format!("{image}/ColorSpace/DeviceGray"), "ff00>"),
    ];
    let content = "q 100 0 0 100 20 20 cm /I Do Q \
        q 100 0 0 100 150 20 cm BI /W 1 /H 1 /BPC 8 /CS /RGB /F /AHx ID 0000ff> EI Q \
        q 280 20 m 380 20 l 280 120 l h W n 100 0 0 100 280 20 cm BI /W 1 /H 1 /BPC 8 /CS /RGB /F /AHx ID 0000ff> EI Q";
    let (seen, shapes) = shown("/XObject<</I 5 0 R>>", content, &more);
    assert_eq!(shapes.len(), 3);
    let expected = meant(|x, y| match () {
        // Between the middles of its two pixels it fades.
        () if within(x, y, [20.0, 20.0, 100.0, 100.0]) => {
            let gone = ((x - 45.0) / 50.0).clamp(0.0, 1.0);
            Some([1.0, gone, gone])
        }
        () if within(x, y, [150.0, 20.0, 100.0, 100.0]) => Some(BLUE),
        () if within(x, y, [280.0, 20.0, 100.0, 100.0]) && x - 280.0 < 120.0 - y => Some(BLUE),
        () => None,
    });
    alike(&seen, &expected, 1.0);
}

#[test]
fn letters_that_are_drawings_become_outlines_and_those_that_are_pictures_a_picture() {
    let font = "<</Type/Font/Subtype/Type3/FontBBox[0 0 1000 1000]/FontMatrix[.001 0 0 .001 0 0]/FirstChar 97/LastChar 98\
        /Widths[1000 1000]/Encoding<</Differences[97/a/b]>>/CharProcs<</a 6 0 R/b 7 0 R>>/Resources<<>>>>";
    let more = [
        font.to_owned(),
        stream("", "1000 0 0 0 800 800 d1 0 0 800 800 re f"),
        stream(
            "",
            "1000 0 0 0 800 800 d1 800 0 0 800 0 0 cm BI /W 1 /H 1 /BPC 1 /IM true /D [1 0] /F /AHx ID 80> EI",
        ),
    ];
    let content = "BT /F 50 Tf 1 0 0 rg 20 80 Td (aaa) Tj 0 0 1 rg 0 -60 Td (bb) Tj ET";
    let (seen, shapes) = shown("/Font<</F 5 0 R>>", content, &more);
    let kinds: Vec<Kind> = shapes.iter().map(|shape| shape.kind).collect();
    assert_eq!(kinds, [Kind::Outline, Kind::Image], "letters of one colour are one object");
    let expected = meant(|x, y| match (x - 20.0).rem_euclid(50.0) < 40.0 {
        true if within(x, y, [20.0, 80.0, 150.0, 40.0]) => Some(RED),
        true if within(x, y, [20.0, 20.0, 100.0, 40.0]) => Some(BLUE),
        _ => None,
    });
    alike(&seen, &expected, 0.3);
}

#[test]
fn what_is_blended_has_the_colours_of_what_is_below() {
    let states = "/ExtGState<</M<</BM/Multiply>>>>/XObject<</X 5 0 R>>";
    let more = [group("", "1 1 0 rg 200 20 100 100 re f")];
    let content = "0 1 1 rg 20 20 100 100 re f 250 20 100 100 re f q /M gs 1 1 0 rg 70 20 100 100 re f Q q /M gs /X Do Q";
    let (seen, shapes) = shown(states, content, &more);
    assert_eq!(shapes.len(), 4);
    let cyan = |x: f32| (20.0..120.0).contains(&x) || (250.0..350.0).contains(&x);
    let yellow = |x: f32| (70.0..170.0).contains(&x) || (200.0..300.0).contains(&x);
    let expected = meant(|x, y| {
        let colour = [if cyan(x) { 0.0 } else { 1.0 }, 1.0, if yellow(x) { 0.0 } else { 1.0 }];
        within(x, y, [0.0, 20.0, 400.0, 100.0]).then_some(colour)
    });
    alike(&seen, &expected, 0.5);
}

#[test]
fn of_what_is_cut_the_part_is_seen_that_is_left() {
    let content = "q 20 20 m 120 20 l 20 120 l h W n 1 0 0 rg 20 20 m 120 120 l 120 20 l h f Q \
        q 150 20 100 50 re W n 1 0 0 rg 140 10 300 300 re f 0 0 1 rg 160 30 10 10 re f 300 30 10 10 re f Q \
        q 280 20 100 100 re W n 30 w 0 0 1 RG 260 70 m 400 70 l S Q";
    let (seen, shapes) = shown("", content, &[]);
    let kinds: Vec<Kind> = shapes.iter().map(|shape| shape.kind).collect();
    assert_eq!(kinds, [Kind::Image, Kind::Outline, Kind::Outline, Kind::Image], "boxes stay objects");
    let expected = meant(|x, y| match () {
        () if within(x, y, [20.0, 20.0, 100.0, 100.0]) => (y < x && x - 20.0 < 120.0 - y).then_some(RED),
        () if within(x, y, [160.0, 30.0, 10.0, 10.0]) => Some(BLUE),
        () if within(x, y, [150.0, 20.0, 100.0, 50.0]) => Some(RED),
        () if within(x, y, [280.0, 55.0, 100.0, 30.0]) => Some(BLUE),
        () => None,
    });
    alike(&seen, &expected, 0.5);
}

#[test]
fn what_would_never_end_is_left_out_and_said() {
    let fill = |name: &str| format!("/Pattern cs /{name} scn 0 0 400 140 re f ");
    let tiny = pattern("/PaintType 1/BBox[0 0 300 300]/XStep .01/YStep .01", "0 0 300 300 re f");
    let far = pattern(
        "/PaintType 1/BBox[0 0 300 300]/XStep 20/YStep 20/Matrix[1e30 0 0 1e-30 0 0]",
        "0 0 9 9 re f",
    );
    // Each has tiles of the next.
    let nested: Vec<String> = (6..14)
        .map(|next| {
            let inner = fill("P").repeat(10);
            stream(
                &format!(
                    "/PatternType 1/TilingType 1/PaintType 1/BBox[0 0 7 7]/XStep 7/YStep 7/Resources<</Pattern<</P {next} 0 R>>>>"
                ),
                &inner,
            )
        })
        .chain([pattern("/PaintType 1/BBox[0 0 7 7]/XStep 7/YStep 7", "0 0 5 5 re f")])
        .collect();
    let masks: Vec<String> = (6..20)
        .map(|next| {
            group(
                &format!("/Resources<</ExtGState<</M<</SMask<</S/Luminosity/G {next} 0 R>>>>>>>>"),
                &"/M gs 1 g 0 0 400 140 re f ".repeat(10),
            )
        })
        .chain([group("", "1 g 0 0 400 140 re f")])
        .collect();
    let forms: Vec<String> = (6..20)
        .map(|next| {
            stream(
                &format!(
                    "/Type/XObject/Subtype/Form/BBox[0 0 400 140]/Resources<</XObject<</X {next} 0 R>>>>"
                ),
                &"/X Do ".repeat(10),
            )
        })
        .chain([stream("/Type/XObject/Subtype/Form/BBox[0 0 400 140]", "")])
        .collect();
    let (one, mask) = ("/Pattern<</P 5 0 R>>", "/ExtGState<</M<</SMask<</S/Luminosity/G 5 0 R>>>>>>");
    let cases: [(&str, &str, String, &[String]); 6] = [
        ("tiny steps", one, fill("P"), &[tiny]),
        ("far away", one, fill("P"), &[far]),
        ("patterns in patterns", one, fill("P").repeat(10), &nested),
        ("masks in masks", mask, "/M gs 1 0 0 rg 0 0 400 140 re f".into(), &masks),
        ("forms in forms", "/XObject<</X 5 0 R>>", "/X Do".into(), &forms),
        (
            "dashes",
            "",
            "[.00001 .00001] 0 d 0 0 m 400 140 l S 0 0 10 10 re W n 0 0 m 400 140 l S".into(),
            &[],
        ),
    ];
    for (name, resources, content, more) in cases {
        let start = Instant::now();
        let content = format!("{content} 0 0 1 rg 1 1 2 2 re f");
        let (_, _, remarks) = told(resources, &content, more);
        println!("{name}: {:?}, {remarks:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(60), "{name}: {:?}", start.elapsed());
        assert!(!remarks.is_empty() || matches!(name, "dashes" | "far away"), "{name}");
    }
    // Nobody waits for what is stopped, and it does not go on alone.
    let progress = Progress::default();
    let (stops, file) = (progress.clone(), page(SIZE, "/XObject<</X 5 0 R>>", "/X Do", &forms));
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        stops.stop();
        Instant::now()
    });
    let read = super::read(file, &mut Images::default(), &progress);
    let waited = stopper.join().unwrap().elapsed();
    assert!(matches!(read, Err(ReadError::Stopped(Stopped))), "{read:?}");
    assert!(waited < Duration::from_secs(2), "{waited:?}");
}
