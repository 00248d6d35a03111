--- What the data path has counted, as Prometheus reads it.

local flights = require("reconciler.proxy.flights")
local store = require("reconciler.table.store")
local tally = require("reconciler.seen.tally")

local concat, format, gsub = table.concat, string.format, string.gsub
local ipairs, pairs, tonumber = ipairs, pairs, tonumber
local ngx = ngx

local SLICE = 20 -- routes; whoever waits goes first

local FAMILIES = {
    {
        "requests_total", "counter",
        "Requests that have ended, by route and class of status.",
    },
    { "requests_in_flight", "gauge", "Requests and WebSockets under way, by route." },
    {
        "upstream_errors_total", "counter",
        "Requests that the program behind a route failed: not reached, or no answer in time.",
    },
    {
        "request_duration_seconds", "histogram",
        "How long requests took, by route; WebSockets are left out.",
    },
    { "requests_parked", "gauge", "Requests that wait until a program can take them." },
    {
        "endpoint_requests_in_flight", "gauge",
        "Requests and WebSockets under way, by endpoint of a pool.",
    },
    { "endpoint_refuses", "gauge", "1 while an endpoint of a pool accepts no connection." },
    { "table_version", "gauge", "The version of the route table that a worker serves." },
    { "connections", "gauge", "Connections of clients, by what they do." },
}
local ESCAPES = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }

local _M = {}


local function add(lines, name, labels, value)
    lines[#lines + 1] = format("reconciler_gateway_%s{%s} %.17g\n", name, labels, value)
end


local function label_of(name, value)
    return name .. '="' .. gsub(value, '[\\"\n]', ESCAPES) .. '"'
end


local function bound_text(seconds)
    return format(seconds % 1 == 0 and "%.1f" or "%.17g", seconds)
end


local function add_times(lines, label, seen)
    local total = 0
    for bound, count in ipairs(seen.bounds) do
        total = total + count
        local most = tally.BOUNDS[bound]
        local labels = format('%s,le="%s"', label, most and bound_text(most) or "+Inf")
        add(lines, "request_duration_seconds_bucket", labels, total)
    end
    add(lines, "request_duration_seconds_sum", label, seen.seconds)
    add(lines, "request_duration_seconds_count", label, total)
end


local function add_route(families, seen)
    local label = label_of("route", seen.name)
    for class, count in ipairs(seen.classes) do
        local labels = format('%s,code="%dxx"', label, class)
        add(families.requests_total, "requests_total", labels, count)
    end
    add(families.requests_in_flight, "requests_in_flight", label, seen.in_flight)
    add(families.upstream_errors_total, "upstream_errors_total", label, seen.errors)
    add_times(families.request_duration_seconds, label, seen)
end


local function add_routes(families)
    for slot = 0, tally.last() do
        local seen = tally.read(slot)
        if seen then
            add_route(families, seen)
        end
        if slot % SLICE == SLICE - 1 then
            ngx.sleep(0)
        end
    end
end


local function add_workers(families)
    for name, worker in pairs(store.workers()) do
        add(families.table_version, "table_version", format('worker="%s"', name), worker.version)
    end
    for _, state in ipairs({ "reading", "writing", "waiting" }) do
        local count = tonumber(ngx.var["connections_" .. state])
        if count then
            add(families.connections, "connections", format('state="%s"', state), count)
        end
    end
end


local function add_endpoints(families)
    local traffic = flights.tell()
    add(families.requests_parked, "requests_parked", "", traffic.parked)
    for address, count in pairs(traffic.open) do
        local label = label_of("endpoint", address)
        add(families.endpoint_requests_in_flight, "endpoint_requests_in_flight", label, count)
    end
    for _, address in ipairs(traffic.refusing) do
        add(families.endpoint_refuses, "endpoint_refuses", label_of("endpoint", address), 1)
    end
end


--- The page.
function _M.page()
    local families, page = {}, {}
    for _, family in ipairs(FAMILIES) do
        families[family[1]] = {}
    end
    add_routes(families)
    add_endpoints(families)
    add_workers(families)
    for _, family in ipairs(FAMILIES) do
        local name, kind, text = family[1], family[2], family[3]
        if families[name][1] then
            local head = "# HELP reconciler_gateway_%s %s\n# TYPE reconciler_gateway_%s %s\n"
            page[#page + 1] = format(head, name, text, name, kind)
            page[#page + 1] = concat(families[name])
        end
    end
    return concat(page)
end


return _M
