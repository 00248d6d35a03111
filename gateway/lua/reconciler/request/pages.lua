--- What the gateway says when no program does: short, and nothing about the inside.

local json = require("reconciler.json")
local problem = require("reconciler.request.problem")
local settings = require("reconciler.settings")
local tally = require("reconciler.seen.tally")

local find = string.find
local ngx = ngx

local PAGE = [[
<!doctype html><html lang="en"><meta charset="utf-8"><title>%d</title>
<meta name="viewport" content="width=device-width">
<body style="font:1.1em system-ui;max-width:34em;margin:15vh auto;padding:0 1em">
<h1>%d</h1><p>%s</p></body></html>
]]

local _M = {}


local function has(text, word)
    return text ~= nil and find(text, word, 1, true) ~= nil
end


--- End the request with a status and a sentence, in what the client reads: a page for a browser,
-- JSON for a program that speaks it, else a line. The sentence must be ours: it is not escaped.
-- What concerns the operator's API is a problem as its own are.
-- `page`: HTML to say instead.
function _M.say(status, sentence, page)
    local var, header = ngx.var, ngx.header
    local accept = var.http_accept
    local refusal = problem.of(var.request_uri, status, sentence)
    ngx.status = status
    if refusal then
        header.content_type = "application/problem+json"
        ngx.print(refusal, "\n")
    elseif has(accept, "text/html") then
        header.content_type = "text/html; charset=utf-8"
        ngx.print(page or PAGE:format(status, status, sentence))
    elseif has(accept, "json") or has(var.http_content_type, "json") then
        header.content_type = "application/json"
        ngx.print(json.encode({ status = status, error = sentence }), "\n")
    else
        header.content_type = "text/plain; charset=utf-8"
        ngx.print(status, " ", sentence, "\n")
    end
    return ngx.exit(status)
end


function _M.bad_path(why)
    return _M.say(400, "this path is refused: " .. why)
end


function _M.nothing_here()
    return _M.say(404, "nothing is served at this address")
end


function _M.too_large()
    return _M.say(413, "this request is larger than this address takes")
end


function _M.too_many()
    ngx.header.retry_after = 1
    return _M.say(429, "too many requests at once: ask again a little later")
end


--- Nobody is there at the moment; the page for it is the Gateway's, where it has one.
function _M.away(sentence)
    ngx.header.retry_after = 2
    ngx.header.cache_control = "no-store"
    return _M.say(503, sentence, settings.maintenance)
end


--- In place of nginx's own page for a backend that did not answer.
function _M.unreachable()
    tally.failed()
    local var = ngx.var
    ngx.header.retry_after = 2
    ngx.header.cache_control = "no-store"
    if var.reconciler_client ~= "" then
        return _M.away("the operator does not answer at the moment")
    end
    -- Several attempts are listed with commas; the last one counts.
    if find(var.upstream_status or "", "504$") then
        return _M.say(504, "the program behind this address took too long to answer")
    end
    if find(var.upstream_connect_time or "-", "%d$") then
        return _M.say(502, "the program behind this address broke off its answer")
    end
    return _M.away("the program behind this address is away at the moment")
end


return _M
