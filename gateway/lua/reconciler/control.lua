--- The control server: the table in and out, and who serves which version of it.

local check = require("reconciler.check.document")
local compact = require("reconciler.table.compact")
local facts = require("reconciler.match.facts")
local flights = require("reconciler.proxy.flights")
local init = require("reconciler.init")
local json = require("reconciler.json")
local log = require("reconciler.table.log")
local match = require("reconciler.match.pick")
local paths = require("reconciler.match.path")
local metrics = require("reconciler.seen.metrics")
local pause = require("reconciler.table.slices").pause
local recent = require("reconciler.seen.recent")
local store = require("reconciler.table.store")
local writes = require("reconciler.table.writes")

local ipairs, type = ipairs, type
local ngx = ngx

local _M = {}


local function answer(status, document)
    ngx.status = status
    ngx.header.content_type = "application/json"
    ngx.print(json.encode(document), "\n")
    return ngx.exit(ngx.HTTP_OK)
end


--- nginx puts a large body into a file.
local function body()
    ngx.req.read_body()
    local data = ngx.req.get_body_data()
    if data then
        return data
    end
    local name = ngx.req.get_body_file()
    if not name then
        return ""
    end
    local file, err = io.open(name, "rb")
    if not file then
        return nil, "cannot read the body: " .. err
    end
    data = file:read("*a")
    file:close()
    return data
end


local function status()
    store.current()
    local version, digest, base = log.head()
    return answer(200, {
        etag = version .. "-" .. digest,
        log = version - base,
        life = log.life(),
        problem = store.problem() or json.null,
        include_digest = init.config.digest,
        listen = init.config.listen,
        code = init.config.code,
        nginx = ngx.config.nginx_version,
        worker_count = ngx.worker.count(),
        workers = store.workers(),
        traffic = flights.tell(),
    })
end


local function read_table()
    local raw, version, digest = compact.document()
    if version == 0 then
        return answer(404, { error = "there is no table yet" })
    end
    ngx.header.etag = '"' .. version .. "-" .. digest .. '"'
    ngx.header.content_type = "application/json"
    ngx.print(raw)
    return ngx.exit(ngx.HTTP_OK)
end


local function write_with(write)
    local expected = (ngx.var.http_if_match or ""):match('^"(.*)"$')
    if not expected then
        return answer(428, { error = 'If-Match: "VERSION-DIGEST" is needed' })
    end
    local raw, err = body()
    if not raw then
        return answer(500, { error = err })
    end
    local refused = write(raw, expected)
    if refused then
        -- Who refuses: code that is being replaced may not know what a newer operator says.
        return answer(refused.status, {
            error = refused.error,
            rule = refused.rule,
            code = init.config.code,
        })
    end
    store.current()
    -- Not 200: nginx itself would hold the If-Match against an answer that has no ETag.
    return ngx.exit(ngx.HTTP_NO_CONTENT)
end


local function write_table()
    return write_with(writes.put)
end


local function change_table()
    return write_with(writes.patch)
end


local function decide(index, said)
    if type(said) ~= "table" or type(said.path) ~= "string" then
        return { refused = "a request has a path" }
    end
    local path, why = paths.normalise(said.path)
    if not path then
        return { refused = why }
    end
    local entry, alone = match.pick(index, facts.of_question(said, path))
    return { path = path, rule = entry and entry.name or json.null, alone = alone }
end


--- Which rule would serve each of these requests, against the table in use, or against `rules`
-- when the body has some: {"requests": [{host, path, method, referer, headers}]}. `alone`: whether
-- host, path and method decided, whatever the headers are. However much it is, requests are served
-- in between; so is each decided against what is in use just then.
local function decide_many()
    local question = json.decode(body() or "")
    if type(question) ~= "table" or type(question.requests) ~= "table" then
        return answer(400, { error = 'write {"requests": [{"path": "/"}]}' })
    end
    local why, name = check.rules(question.rules or {}, pause)
    if why then
        return answer(422, { error = why, rule = name })
    end
    local index = question.rules and match.compile(question.rules, pause)
    local decisions = {}
    for i, said in ipairs(question.requests) do
        decisions[i] = decide(index or store.current().index, said)
        pause(i)
    end
    return answer(200, { decisions = decisions })
end


local function page()
    ngx.header.content_type = "text/plain; version=0.0.4; charset=utf-8"
    ngx.print(metrics.page())
    return ngx.exit(ngx.HTTP_OK)
end


local function last_requests()
    return answer(200, { requests = recent.list() })
end


local DOORS = {
    ["GET /status"] = status,
    ["GET /metrics"] = page,
    ["GET /recent"] = last_requests,
    ["GET /table"] = read_table,
    ["PUT /table"] = write_table,
    ["PATCH /table"] = change_table,
    ["POST /match"] = decide_many,
}


--- For content_by_lua.
function _M.answer()
    -- A worker that is leaving speaks of a configuration that is no more: another is to answer.
    if ngx.worker.exiting() then
        return ngx.exit(444)
    end
    local door = DOORS[ngx.req.get_method() .. " " .. ngx.var.uri]
    if not door then
        return answer(404, { error = "ask for /status, /table, /match, /metrics or /recent" })
    end
    return door()
end


return _M
