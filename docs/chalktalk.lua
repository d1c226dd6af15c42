-- Shows in Wireshark and tshark what the frames of Chalktalk's daemons say in their clear header (docs/protocol.md).
-- A trace is written by `chalktalkd --trace FILE`; live traffic shows as well:
--     tshark -X lua_script:docs/chalktalk.lua -r FILE
--     wireshark -X lua_script:docs/chalktalk.lua FILE
-- What is behind the header is signed and in part sealed; of entries and host frames the fields in clear are shown. Of streams (TCP:
-- catch-ups, P29, and blobs, P91) what the asker begins with; live captures have them, traces do not.

local chalktalk = Proto("chalktalk", "Chalktalk")

local kinds = {
    [1] = "entry", [2] = "volatile", [3] = "nack", [4] = "report", [5] = "vector", [6] = "failure",
    [7] = "host", [8] = "invitation", [9] = "answer", [10] = "probe", [11] = "probe answer",
}

local f = {
    version = ProtoField.uint8("chalktalk.version", "Version"),
    kind = ProtoField.uint8("chalktalk.kind", "Kind", base.DEC, kinds),
    flags = ProtoField.uint8("chalktalk.flags", "Flags", base.HEX),
    signed = ProtoField.bool("chalktalk.signed", "Signed", 8, nil, 1),
    genesis = ProtoField.bool("chalktalk.genesis", "Genesis", 8, nil, 2),
    urge = ProtoField.bool("chalktalk.urge", "Urge", 8, nil, 4),
    statement = ProtoField.bool("chalktalk.statement", "Statement", 8, nil, 8),
    notice = ProtoField.bool("chalktalk.notice", "Notice", 8, nil, 16),
    header = ProtoField.uint8("chalktalk.header", "Header length"),
    length = ProtoField.uint16("chalktalk.length", "Length"),
    session = ProtoField.bytes("chalktalk.session", "Session"),
    destination = ProtoField.bytes("chalktalk.destination", "Destination instance"),
    key = ProtoField.uint32("chalktalk.key", "Key id", base.HEX),
    origin = ProtoField.bytes("chalktalk.origin", "Origin"),
    epoch = ProtoField.uint32("chalktalk.epoch", "Epoch"),
    seq = ProtoField.uint64("chalktalk.seq", "Seq"),
    stamp = ProtoField.uint64("chalktalk.stamp", "Lamport stamp"),
    time = ProtoField.uint64("chalktalk.time", "Wall time (ms since 1970)"),
    body = ProtoField.bytes("chalktalk.body", "Body"),
    hostkey = ProtoField.bytes("chalktalk.hostkey", "Host key"),
    signature = ProtoField.bytes("chalktalk.signature", "Signature"),
    stream = ProtoField.string("chalktalk.stream", "Stream"),
    runs = ProtoField.uint16("chalktalk.runs", "Runs wanted"),
    port = ProtoField.uint16("chalktalk.port", "Own port"),
    first = ProtoField.uint64("chalktalk.first", "First slot"),
    last = ProtoField.uint64("chalktalk.last", "Last slot"),
    nonce = ProtoField.bytes("chalktalk.nonce", "Nonce"),
}
chalktalk.fields = f

local MAGIC = 0x7443 -- "Ct", little endian
local HEADER = 44
local SIGNATURE = 64

local function entry(rest, tree)
    if rest:len() < 48 then return "" end
    tree:add(f.origin, rest(0, 16))
    tree:add_le(f.epoch, rest(16, 4))
    tree:add_le(f.seq, rest(20, 8))
    tree:add_le(f.stamp, rest(28, 8))
    tree:add_le(f.time, rest(36, 8))
    local length = rest(46, 2):le_uint()
    if rest:len() >= 48 + length and length > 0 then tree:add(f.body, rest(48, length)) end
    return string.format(" epoch %d seq %s", rest(16, 4):le_uint(), tostring(rest(20, 8):le_uint64()))
end

local function host(rest, tree)
    if rest:len() < 32 + SIGNATURE then return "" end
    tree:add(f.hostkey, rest(0, 32))
    tree:add(f.body, rest(32, rest:len() - 32 - SIGNATURE))
    tree:add(f.signature, rest(rest:len() - SIGNATURE, SIGNATURE))
    return ""
end

function chalktalk.dissector(buffer, pinfo, root)
    if buffer:len() < HEADER or buffer(0, 2):le_uint() ~= MAGIC then return 0 end
    pinfo.cols.protocol = "Chalktalk"
    local tree = root:add(chalktalk, buffer())
    local kind = buffer(3, 1):uint()
    tree:add(f.version, buffer(2, 1))
    tree:add(f.kind, buffer(3, 1))
    local flags = tree:add(f.flags, buffer(4, 1))
    if kind == 1 then
        for _, flag in ipairs({ f.signed, f.genesis, f.urge, f.statement, f.notice }) do flags:add(flag, buffer(4, 1)) end
    end
    tree:add(f.header, buffer(5, 1))
    tree:add_le(f.length, buffer(6, 2))
    tree:add(f.session, buffer(8, 16))
    tree:add(f.destination, buffer(24, 16))
    tree:add_le(f.key, buffer(40, 4))
    local sealed = buffer(40, 4):le_uint() ~= 0
    local about = ""
    local from = buffer(5, 1):uint()
    if from >= HEADER and buffer:len() > from then
        local rest = buffer(from)
        if kind == 1 then about = entry(rest, tree)
        elseif not sealed and (kind == 7 or kind == 10 or kind == 11) then about = host(rest, tree)
        else tree:add(f.body, rest) end
    end
    pinfo.cols.info = (kinds[kind] or "unknown") .. about .. (sealed and " (sealed)" or "")
    return buffer:len()
end

-- What an asker begins a stream with.
local function stream(buffer, pinfo, root)
    if buffer:len() < 23 then return false end
    local magic = buffer(0, 4):string()
    if magic ~= "CTCU" and magic ~= "CTBL" then return false end
    local what = magic == "CTCU" and "catch-up" or "blob"
    pinfo.cols.protocol = "Chalktalk"
    pinfo.cols.info = what .. " asked for"
    local tree = root:add(chalktalk, buffer())
    tree:add(f.stream, buffer(0, 4), what)
    tree:add(f.version, buffer(4, 1))
    tree:add(f.session, buffer(5, 16))
    if magic == "CTBL" then
        if buffer:len() >= 41 then
            tree:add_le(f.key, buffer(21, 4))
            tree:add(f.nonce, buffer(25, 16))
        end
        return true
    end
    local runs = buffer(21, 2):le_uint()
    tree:add_le(f.runs, buffer(21, 2))
    if buffer:len() >= 25 then tree:add_le(f.port, buffer(23, 2)) end
    for run = 0, runs - 1 do
        local at = 25 + run * 36
        if buffer:len() < at + 36 then break end
        tree:add(f.origin, buffer(at, 16))
        tree:add_le(f.epoch, buffer(at + 16, 4))
        tree:add_le(f.first, buffer(at + 20, 8))
        tree:add_le(f.last, buffer(at + 28, 8))
    end
    return true
end
chalktalk:register_heuristic("tcp", stream)

-- The group's port, and the own ports of 64 daemons behind it. Another port: Decode As, or the heuristic, which goes by the magic.
local ports = DissectorTable.get("udp.port")
for port = 47474, 47538 do ports:add(port, chalktalk) end
chalktalk:register_heuristic("udp", function(buffer, pinfo, root)
    if buffer:len() < HEADER or buffer(0, 2):le_uint() ~= MAGIC then return false end
    chalktalk.dissector(buffer, pinfo, root)
    return true
end)
