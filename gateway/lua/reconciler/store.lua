--- The table all workers share, and what this worker made of it.
--
-- The whole document lies in shared memory as the text it came in. A new one is put beside the old
-- one and then pointed at, so a worker sees the old or the new table and a failed write changes
-- nothing. Each worker compiles the table of a version once.

local check = require("reconciler.check")
local forward = require("reconciler.forward")
local json = require("reconciler.json")
local match = require("reconciler.match")

local dict = ngx.shared.reconciler
local ngx = ngx
local pcall, tostring = pcall, tostring

local LOCK_SECONDS = 10

local _M = {}

local serving = { version = 0, digest = "", index = match.compile({}) }
local attempted = -1 -- a table that cannot be compiled is not tried again with every request


local function key_of(version)
    return "table:" .. version
end


local function compile(document)
    local default = document.default_backend
    return {
        version = document.version,
        digest = document.digest,
        index = match.compile(document.rules),
        default = default and forward.peer(default) or nil,
    }
end


--- Point at a document that was checked. The old one goes only when the new one is in place.
local function publish(raw, document)
    local before, version = dict:get("version"), document.version
    local ok, err = dict:safe_set(key_of(version), raw)
    if not ok then
        return nil, err
    end
    ok, err = dict:safe_set("digest", document.digest)
    if ok then
        ok, err = dict:safe_set("version", version)
    end
    if not ok then
        dict:delete(key_of(version))
        return nil, err
    end
    if before and before ~= version then
        dict:delete(key_of(before))
    end
    return true
end


--- What is served: `VERSION-DIGEST`, `0-` before there was any table.
function _M.etag()
    return (dict:get("version") or 0) .. "-" .. (dict:get("digest") or "")
end


--- The document as it was written, or nil.
function _M.raw()
    local version = dict:get("version")
    return version and dict:get(key_of(version))
end


local function refuse(status, message, rule)
    return { status = status, error = message, rule = rule }
end


local function replace(raw, document, expected)
    if expected ~= _M.etag() then
        return refuse(412, "the table is " .. _M.etag() .. " by now, not " .. expected)
    end
    if document.version ~= (dict:get("version") or 0) + 1 then
        return refuse(409, "the next version is " .. (dict:get("version") or 0) + 1)
    end
    local ok, err = publish(raw, document)
    if not ok then
        return refuse(507, err .. ": " .. #raw .. " bytes do not fit beside the table in use")
    end
    dict:delete("problem")
end


--- Replace the table if it is still the one `expected` names. nil, or why it was refused.
function _M.put(raw, expected)
    local document, err = json.decode(raw)
    if not document then
        return refuse(400, err)
    end
    local why, rule = check.document(document)
    if why then
        return refuse(422, why, rule)
    end
    local ok
    -- A lock that runs out: a worker killed in between holds nobody up for long.
    ok, err = dict:safe_add("lock", ngx.worker.pid(), LOCK_SECONDS)
    if not ok then
        return refuse(409, "another write is under way: " .. err)
    end
    local refused = replace(raw, document, expected)
    dict:delete("lock")
    return refused
end


--- At start: serve the last table. A reload finds a newer one in shared memory than on disk.
function _M.load(raw)
    if dict:get("version") then
        return
    end
    local document, err = json.decode(raw)
    local why, rule = err, nil
    if document then
        why, rule = check.document(document)
    end
    if not why then
        local ok
        ok, why = publish(raw, document)
        if ok then
            return
        end
    end
    _M.report_problem("table.json: " .. (rule and rule .. ": " or "") .. why)
end


--- What a person should know about the table; stays until the next good one.
function _M.report_problem(text)
    ngx.log(ngx.ERR, text)
    local ok, err = dict:safe_set("problem", text)
    if not ok then
        ngx.log(ngx.ERR, "cannot remember that: ", err)
    end
end


function _M.problem()
    return dict:get("problem")
end


local function report(err)
    if ngx.worker.exiting() then
        return -- the worker that follows has this number now
    end
    local text = json.encode({
        pid = ngx.worker.pid(),
        version = serving.version,
        digest = serving.digest,
        error = err,
    })
    local ok, why = dict:safe_set("worker:" .. ngx.worker.id(), text)
    if not ok then
        ngx.log(ngx.ERR, "cannot report the version served: ", why)
    end
end


local function refresh(version)
    attempted = version
    local raw = dict:get(key_of(version))
    if not raw then
        attempted = -1 -- replaced in this moment: the next look finds its successor
        return
    end
    local document, err = json.decode(raw)
    local ok, fresh
    if document then
        ok, fresh = pcall(compile, document)
        err = not ok and fresh or nil
    end
    if ok then
        serving = fresh
    else
        ngx.log(ngx.ERR, "table ", version, " cannot be used, keeping ", serving.version, ": ", err)
    end
    report(err)
end


--- The newest table, compiled. Costs one look into shared memory when nothing changed.
function _M.current()
    local version = dict:get("version")
    if version and version ~= serving.version and version ~= attempted then
        refresh(version)
    end
    return serving
end


--- Once per worker, at its start.
function _M.begin()
    _M.current()
    report()
end


--- What each worker serves, by its number.
function _M.workers()
    local seen = {}
    for id = 0, ngx.worker.count() - 1 do
        local text = dict:get("worker:" .. id)
        seen[tostring(id)] = text and json.decode(text) or nil
    end
    return seen
end


return _M
