--- What the gateway says when no program does: short, and nothing about the inside.

local tally = require("reconciler.tally")

local find = string.find

local PAGE = [[
<!doctype html><html lang="en"><meta charset="utf-8"><title>%d</title>
<body style="font:1.1em system-ui;max-width:34em;margin:15vh auto;padding:0 1em">
<h1>%d</h1><p>%s</p></body></html>
]]

local _M = {}


--- End the request with a status and a sentence. The sentence must be ours: it is not escaped.
function _M.say(status, sentence)
    ngx.status = status
    if find(ngx.var.http_accept or "", "text/html", 1, true) then
        ngx.header.content_type = "text/html; charset=utf-8"
        ngx.print(PAGE:format(status, status, sentence))
    else
        ngx.header.content_type = "text/plain; charset=utf-8"
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


--- Nobody is there at the moment.
function _M.away(sentence)
    ngx.header.retry_after = 2
    ngx.header.cache_control = "no-store"
    return _M.say(503, sentence)
end


--- In place of nginx's own page for a backend that did not answer.
function _M.unreachable()
    tally.failed()
    ngx.header.retry_after = 2
    ngx.header.cache_control = "no-store"
    if ngx.var.reconciler_client ~= "" then
        return _M.say(503, "the operator does not answer at the moment")
    end
    -- Several attempts are listed with commas; the last one counts.
    if find(ngx.var.upstream_status or "", "504$") then
        return _M.say(504, "the program behind this address took too long to answer")
    end
    return _M.say(502, "the program behind this address does not answer at the moment")
end


return _M
