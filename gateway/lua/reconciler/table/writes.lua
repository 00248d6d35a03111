--- Who changes the table: a writer with a whole document or a change, and the file at the start.

local check = require("reconciler.check.document")
local delta = require("reconciler.table.delta")
local json = require("reconciler.json")
local log = require("reconciler.table.log")
local quota = require("reconciler.table.quota")
local store = require("reconciler.table.store")

local gmatch = string.gmatch

local _M = {}


local function refuse(status, message, rule)
    return { status = status, error = message, rule = rule }
end


local function write_if(expected, document, write, raw)
    local version, digest = log.head()
    local etag = version .. "-" .. digest
    if expected ~= etag then
        return refuse(412, "the table is " .. etag .. " by now, not " .. expected)
    end
    if document.version ~= version + 1 then
        return refuse(409, "the next version is " .. version + 1)
    end
    local ok, err = write(raw, document.version, document.digest)
    if not ok then
        return refuse(507, err .. ": " .. #raw .. " bytes do not fit beside the table in use")
    end
    store.forget_problem()
    return false
end


local function write_alone(...)
    local refused, err = log.locked(write_if, ...)
    if refused == nil then
        return refuse(err == "no memory" and 507 or 409, err)
    end
    return refused or nil
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
    return write_alone(expected, document, log.replace, raw)
end


--- Change the table if it is still the one `expected` names. nil, or why it was refused.
function _M.patch(raw, expected)
    local change, why, rule = delta.read(raw)
    if not change then
        return refuse(rule and 422 or 400, why, rule ~= "" and rule or nil)
    end
    why, rule = quota.misfit(store.current().index, change.ops)
    if why then
        return refuse(422, why, rule)
    end
    return write_alone(expected, change, log.append, raw)
end


local function take_document(raw)
    local document, err = json.decode(raw)
    if not document then
        return nil, err
    end
    local why, rule = check.document(document)
    if why then
        return nil, (rule and rule .. ": " or "") .. why
    end
    return log.replace(raw, document.version, document.digest)
end


local function take_change(raw)
    local change, why = delta.read(raw)
    if not change then
        return nil, why
    end
    if change.version ~= log.version() + 1 then
        return nil, "change " .. change.version .. " does not follow " .. log.version()
    end
    return log.append(raw, change.version, change.digest)
end


--- A document, then a line for each change. What follows a bad line is nobody's to guess.
local function take_lines(raw)
    local take = take_document
    for line in gmatch(raw, "[^\n]+") do
        local ok, why = take(line)
        if not ok then
            return nil, why
        end
        take = take_change
    end
    return take ~= take_document, "it is empty"
end


--- At start: serve the last table. A reload finds a newer one in shared memory than on disk.
function _M.load(raw)
    if log.version() > 0 then
        return
    end
    local ok, why = take_lines(raw)
    if not ok and log.version() == 0 and take_document(raw) then
        return -- somebody has written it over many lines
    end
    if not ok then
        store.report_problem("table.json: " .. why)
    end
end


return _M
