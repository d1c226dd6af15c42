//! Excalidraw's files, both ways, as far as the two have the same things.
//!
//! Invariant: what is imported and exported again looks the same; what cannot be taken over is remarked on.

use super::{Drawing, MAX_OBJECTS, OBJECTS, ReadError, sound};
use crate::{
    model::{Align, Board, Body, Colour, Dash, Flaw, Font, Head, Heads, Kind, Points, Shape, Verb},
    progress::{Progress, Stopped},
    render::Images,
};
use chalktalk_ipc::base64;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Excalidraw's pens are so much wider than they say.
const PEN: f32 = 4.25 / 1.6;

/// Radius of its round corners, at most.
const CORNER: f32 = 32.0;

/// Reads a drawing.
///
/// # Errors
/// It is not one, or too large.
pub fn from_excalidraw(file: &Value, images: &mut Images, progress: &Progress) -> Result<Drawing, ReadError> {
    let Some(elements) = file["elements"].as_array() else {
        return Err(ReadError::Broken("the Excalidraw file has no \"elements\"".into()));
    };
    if elements.len() > MAX_OBJECTS {
        return Err(ReadError::TooMany(elements.len()));
    }
    let mut left_out = BTreeMap::new();
    let mut drawing = Drawing::default();
    progress.begin(OBJECTS, elements.len())?;
    for element in elements {
        progress.step(1)?;
        if element["isDeleted"] == true {
            continue;
        }
        match read_element(element, &file["files"], images) {
            Ok(shape) => drawing.shapes.push(shape),
            Err(why) => *left_out.entry(why).or_insert(0) += 1,
        }
    }
    drawing.remarks =
        left_out.into_iter().map(|(why, count)| format!("{count} objects were left out: {why}")).collect();
    Ok(sound(drawing))
}

fn read_element(element: &Value, files: &Value, images: &mut Images) -> Result<Shape, String> {
    let number = |name: &str| element[name].as_f64().unwrap_or_default() as f32;
    let (at, size) = ([number("x"), number("y")], [number("width").abs(), number("height").abs()]);
    let boxed = |kind| Shape { at, size, ..Shape::new(kind) };
    let name = element["type"].as_str().unwrap_or_default();
    let mut shape = match name {
        "rectangle" => boxed(Kind::Rectangle),
        "ellipse" => boxed(Kind::Ellipse),
        "diamond" => boxed(Kind::Diamond),
        "frame" | "magicframe" => boxed(Kind::Frame),
        "text" => boxed(Kind::Text),
        "line" => with_points(Kind::Line, element, at)?,
        "arrow" => with_points(Kind::Arrow, element, at)?,
        "freedraw" | "draw" => with_points(Kind::Stroke, element, at)?,
        "image" => image(element, files, images, at, size)?,
        other => return Err(format!("{other:?} is not known here")),
    };
    style(&mut shape, element);
    if name == "text" {
        let text = element["text"].as_str().unwrap_or_default().to_owned();
        let align = match element["textAlign"].as_str() {
            Some("center") => Align::Centre,
            Some("right") => Align::Right,
            _ => Align::Left,
        };
        (shape.text, shape.font) = (text, Font { size: number("fontSize").max(1.0), align });
    }
    if shape.kind == Kind::Frame {
        shape.text = element["name"].as_str().unwrap_or_default().to_owned();
    }
    Ok(shape)
}

fn style(shape: &mut Shape, element: &Value) {
    let number = |name: &str, usual: f64| element[name].as_f64().unwrap_or(usual) as f32;
    let colour = |name: &str| match element[name].as_str() {
        None | Some("transparent") => Colour::NONE,
        Some(text) => Colour::parse(text).or_else(|| named(text)).unwrap_or(Colour::INK),
    };
    let whole = std::f32::consts::TAU;
    shape.angle = number("angle", 0.0).rem_euclid(whole);
    shape.style.ink = colour("strokeColor");
    shape.style.fill = match (colour("backgroundColor"), element["fillStyle"].as_str()) {
        // Hatching lets half of what is below through.
        (Colour([r, g, b, 255]), Some("hachure" | "cross-hatch" | "zigzag")) => Colour([r, g, b, 140]),
        (colour, _) => colour,
    };
    shape.style.width = number("strokeWidth", 2.0) * if shape.kind == Kind::Stroke { PEN } else { 1.0 };
    shape.style.opacity = number("opacity", 100.0).clamp(0.0, 100.0) as u8;
    shape.style.dash = match element["strokeStyle"].as_str() {
        Some("dashed") => Dash::Dashed,
        Some("dotted") => Dash::Dotted,
        _ => Dash::Solid,
    };
    let round = element["strokeSharpness"] == "round" || element["roundness"].is_object();
    if round {
        let [w, h] = shape.size;
        shape.style.corner =
            if shape.kind == Kind::Rectangle { (w.min(h) / 4.0).min(CORNER) } else { CORNER };
    }
    shape.locked = element["locked"] == true;
    let groups = element["groupIds"].as_array().map(Vec::as_slice).unwrap_or_default();
    shape.groups = groups.iter().filter_map(|group| Some(hash(group.as_str()?))).take(16).collect();
}

fn with_points(kind: Kind, element: &Value, at: [f32; 2]) -> Result<Shape, String> {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN) as f32;
    let points = element["points"].as_array().ok_or("they have no points")?;
    let mut places: Vec<[f32; 2]> =
        points.iter().map(|p| [at[0] + number(&p[0]), at[1] + number(&p[1])]).collect();
    if kind == Kind::Line && places.len() > 2 {
        // Its lines close where the ends nearly meet.
        let (first, last) = (places[0], places[places.len() - 1]);
        if (first[0] - last[0]).hypot(first[1] - last[1]) < 8.0 {
            places.push(first);
        }
    }
    let pressures: Vec<f32> = element["pressures"].as_array().into_iter().flatten().map(number).collect();
    let real =
        element["simulatePressure"] != true && pressures.len() == places.len() && !pressures.is_empty();
    let (points, corner) =
        Points::new(&places, real.then_some(&pressures[..])).map_err(|flaw: Flaw| flaw.to_string())?;
    let mut shape = Shape::with_body(kind, Body::Points(points), corner);
    let head = |name: &str| match element[name].as_str() {
        Some("arrow") => Head::Arrow,
        Some("triangle" | "triangle_outline" | "diamond" | "diamond_outline") => Head::Triangle,
        Some("dot" | "circle" | "circle_outline") => Head::Dot,
        Some("bar") => Head::Bar,
        _ => Head::None,
    };
    shape.style.heads = Heads { start: head("startArrowhead"), end: head("endArrowhead") };
    if kind == Kind::Arrow && shape.style.heads == Heads::default() {
        // An arrow here has a head if it says nothing; there it has none.
        shape.kind = Kind::Line;
    }
    Ok(shape)
}

fn image(
    element: &Value,
    files: &Value,
    images: &mut Images,
    at: [f32; 2],
    size: [f32; 2],
) -> Result<Shape, String> {
    let file = &files[element["fileId"].as_str().unwrap_or_default()];
    let data = file["dataURL"]
        .as_str()
        .and_then(|url| url.split_once(";base64,"))
        .ok_or("their pictures are not in the file")?;
    let bytes = base64::decode(data.1).ok_or("their pictures are damaged")?;
    let image = images.insert(bytes).map_err(|e| e.to_string())?;
    Ok(Shape { size, ..Shape::with_body(Kind::Image, Body::Image(image), at) })
}

/// Writes a board.
///
/// # Errors
/// Nobody wants it any more.
pub fn to_excalidraw(board: &Board, images: &Images, progress: &Progress) -> Result<String, Stopped> {
    progress.begin("Objects written", board.len())?;
    let mut files = serde_json::Map::new();
    let mut elements = Vec::new();
    for shape in board.shapes() {
        progress.step(1)?;
        let mut element = common(shape);
        let Some(kind) = write_kind(shape, &mut element) else { continue };
        element["type"] = kind.into();
        if let Some(Body::Image(image)) = &shape.body
            && let Some(decoded) = images.get(image)
        {
            let id = hex(&image.hash[..20]);
            let url = format!("data:{};base64,{}", decoded.media, base64::encode(&decoded.file));
            files.insert(
                id.clone(),
                json!({"id": id, "mimeType": decoded.media, "dataURL": url, "created": 0}),
            );
            element["fileId"] = id.into();
            element["status"] = "saved".into();
        }
        let label = (shape.kind != Kind::Text && shape.kind != Kind::Frame && !shape.text.is_empty())
            .then(|| label(shape));
        elements.push(element);
        elements.extend(label);
    }
    let file = json!({
        "type": "excalidraw", "version": 2, "source": "chalktalk", "elements": elements,
        "appState": {"viewBackgroundColor": "#ffffff"}, "files": files,
    });
    Ok(format!("{file:#}\n"))
}

fn common(shape: &Shape) -> Value {
    let id = shape.id.to_string();
    let seed = hash(&id) as u32 >> 1;
    let colour =
        |colour: Colour| if colour.is_none() { "transparent".to_owned() } else { colour.to_string() };
    let style = &shape.style;
    let dash = ["solid", "dashed", "dotted"][style.dash as usize];
    json!({
        "id": id, "x": shape.at[0], "y": shape.at[1], "width": shape.size[0], "height": shape.size[1],
        "angle": shape.angle, "strokeColor": colour(style.ink), "backgroundColor": colour(style.fill),
        "fillStyle": "solid", "strokeWidth": style.width, "roughness": 0, "opacity": style.opacity,
        "strokeStyle": dash,
        "groupIds": shape.groups.iter().map(|group| format!("{group:016x}")).collect::<Vec<_>>(),
        "roundness": if style.corner > 0.0 { json!({"type": 3}) } else { Value::Null },
        "locked": shape.locked, "seed": seed, "version": 1, "versionNonce": seed, "isDeleted": false,
        "boundElements": null, "updated": 1, "link": null, "frameId": null,
    })
}

/// What belongs to the kind; `None`: there is nothing like it there.
fn write_kind(shape: &Shape, element: &mut Value) -> Option<&'static str> {
    Some(match (shape.kind, &shape.body) {
        (Kind::Rectangle, _) => "rectangle",
        (Kind::Ellipse, _) => "ellipse",
        (Kind::Diamond, _) => "diamond",
        (Kind::Note, _) => {
            if shape.style.fill.is_none() {
                element["backgroundColor"] = crate::render::NOTE.to_string().into();
            }
            element["strokeColor"] = "transparent".into();
            "rectangle"
        }
        (Kind::Frame, _) => {
            element["name"] = shape.text.as_str().into();
            "frame"
        }
        (Kind::Text, _) => {
            write_text(shape, element);
            "text"
        }
        (Kind::Image, _) => "image",
        (Kind::Stroke, Some(Body::Points(points))) => {
            element["strokeWidth"] = json!(shape.style.width / PEN);
            element["points"] = write_points(shape, points);
            let pressures: Vec<f32> = points.samples().iter().map(|s| s.pressure).collect();
            element["pressures"] = if points.has_pressure() { json!(pressures) } else { json!([]) };
            element["simulatePressure"] = (!points.has_pressure()).into();
            "freedraw"
        }
        (Kind::Line | Kind::Arrow, Some(Body::Points(points))) => {
            element["points"] = write_points(shape, points);
            let name = |head| match head {
                Head::None => Value::Null,
                Head::Arrow => "arrow".into(),
                Head::Triangle => "triangle".into(),
                Head::Dot => "dot".into(),
                Head::Bar => "bar".into(),
            };
            let mut heads = shape.style.heads;
            if shape.kind == Kind::Arrow && heads == Heads::default() {
                heads.end = Head::Arrow;
            }
            element["startArrowhead"] = name(heads.start);
            element["endArrowhead"] = name(heads.end);
            if shape.kind == Kind::Arrow { "arrow" } else { "line" }
        }
        (Kind::Outline, Some(Body::Outline(outline))) => {
            element["points"] = flattened(shape, outline.verbs());
            "line"
        }
        _ => return None,
    })
}

fn write_text(shape: &Shape, element: &mut Value) {
    element["text"] = shape.text.as_str().into();
    element["originalText"] = shape.text.as_str().into();
    element["fontSize"] = json!(shape.font.size);
    element["fontFamily"] = json!(2);
    element["textAlign"] = ["left", "center", "right"][shape.font.align as usize].into();
    element["verticalAlign"] = "top".into();
    element["lineHeight"] = json!(1.25);
    element["containerId"] = Value::Null;
}

/// The text in a shape, as an object of its own in the middle of it.
fn label(shape: &Shape) -> Value {
    let mut text = shape.clone();
    (text.kind, text.font.align, text.body) = (Kind::Text, Align::Centre, None);
    let height = shape.font.size * 1.25 * shape.text.lines().count() as f32;
    text.at[1] += (shape.size[1] - height) / 2.0;
    text.size[1] = height;
    let mut element = common(&text);
    element["id"] = format!("{}-text", shape.id).into();
    element["type"] = "text".into();
    write_text(&text, &mut element);
    element
}

fn write_points(shape: &Shape, points: &Points) -> Value {
    let [sx, sy] = shape.stretch();
    points.samples().iter().map(|s| json!([s.x * sx, s.y * sy])).collect()
}

/// A path as points: the first part of it, curves in eight pieces.
fn flattened(shape: &Shape, verbs: &[Verb]) -> Value {
    let [sx, sy] = shape.stretch();
    let mut points: Vec<[f32; 2]> = Vec::new();
    for (index, verb) in verbs.iter().enumerate() {
        match *verb {
            Verb::Move(_) if index > 0 => break,
            Verb::Move(p) | Verb::Line(p) => points.push(p),
            Verb::Curve(a, b, c) => {
                let from = points.last().copied().unwrap_or(a);
                let n = |p: [f32; 2]| kurbo::Point::new(p[0].into(), p[1].into());
                let curve = kurbo::CubicBez::new(n(from), n(a), n(b), n(c));
                let at = |step: i32| kurbo::ParamCurve::eval(&curve, f64::from(step) / 8.0);
                points.extend((1..=8).map(at).map(|p| [p.x as f32, p.y as f32]));
            }
            Verb::Close => points.extend(points.first().copied()),
        }
    }
    points.iter().map(|[x, y]| json!([x * sx, y * sy])).collect()
}

/// The colours by name that people write into such files.
fn named(name: &str) -> Option<Colour> {
    Some(match name {
        "black" => Colour::rgb(0, 0, 0),
        "white" => Colour::rgb(255, 255, 255),
        "red" => Colour::rgb(255, 0, 0),
        "green" => Colour::rgb(0, 128, 0),
        "blue" => Colour::rgb(0, 0, 255),
        "yellow" => Colour::rgb(255, 255, 0),
        "orange" => Colour::rgb(255, 165, 0),
        "gray" | "grey" => Colour::rgb(128, 128, 128),
        _ => return None,
    })
}

/// A number for a name: the same name, the same number.
fn hash(name: &str) -> u64 {
    let hash = blake3::hash(name.as_bytes());
    u64::from_le_bytes(*hash.as_bytes().first_chunk().unwrap_or(&[0; 8]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
