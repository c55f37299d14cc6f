// SPDX-License-Identifier: Apache-2.0
// The HTML page of a load test.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/load/load_report.h"

namespace allot {
namespace {

// Drawn in the reader's browser from the JSON inside the page.
constexpr absl::string_view kPage = R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>TITLE</title>
<style>
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:1.5rem auto;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin:1.6rem 0 .3rem}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{padding:.15rem .6rem;text-align:right;border-bottom:1px solid #8884;white-space:nowrap}
td:first-child,th:first-child,td:nth-child(2),th:nth-child(2){text-align:left}
svg{width:100%;height:auto;display:block}svg text{font:12px system-ui,sans-serif;fill:currentColor}
.axis{stroke:currentColor;stroke-opacity:.25}.bad{color:#c62828}.good{color:#2e7d32}
</style></head><body>
<h1>TITLE</h1><p id="about"></p><div id="body"></div>
<script id="data" type="application/json">DATA</script>
<script>
"use strict";
const d=JSON.parse(document.getElementById("data").textContent);
const body=document.getElementById("body");
const colours=["#1565c0","#c62828","#2e7d32","#ef6c00","#6a1b9a","#00838f","#5d4037","#ad1457"];
const el=(tag,text,parent)=>{const e=document.createElement(tag);if(text!==undefined)e.textContent=text;if(parent)parent.append(e);return e};
const num=v=>v===undefined?"":Math.abs(v)>=100?v.toFixed(0):Math.abs(v)>=1?v.toFixed(2):v.toPrecision(2);
document.getElementById("about").textContent=`${d.target}, seed ${d.seed}. Latency counts from when a call was meant to start.`;
function table(head,rows){const w=el("div",undefined,body);w.className="wide";const t=el("table",undefined,w);const h=el("tr",undefined,t);head.forEach(x=>el("th",x,h));rows.forEach(r=>{const tr=el("tr",undefined,t);r.forEach(x=>{const td=el("td",x.text??x,tr);if(x.cls)td.className=x.cls})})}
function plot(title,series,o){
  el("h2",title,body);const W=900,H=300,L=62,R=10,T=12,B=46;
  const pts=series.flatMap(s=>s.points).filter(p=>isFinite(p[0])&&isFinite(p[1])&&(!o.logy||p[1]>0));
  if(!pts.length)return;
  const fx=o.fx??(x=>x),xs=pts.map(p=>fx(p[0])),x0=Math.min(...xs),x1=Math.max(...xs)||1;
  const ly=v=>o.logy?Math.log10(v):v;let y0=o.logy?Math.floor(Math.min(...pts.map(p=>ly(p[1])))):0,y1=Math.max(...pts.map(p=>ly(p[1])));
  if(o.logy)y1=Math.ceil(y1+1e-9);if(y1<=y0)y1=y0+1;
  const X=x=>L+(W-L-R)*(fx(x)-x0)/((x1-x0)||1),Y=y=>T+(H-T-B)*(1-(ly(y)-y0)/(y1-y0));
  let s=`<svg viewBox="0 0 ${W} ${H}" role="img" aria-label="${title}">`;
  const ticks=o.logy?Array.from({length:y1-y0+1},(_,i)=>10**(y0+i)):[0,.25,.5,.75,1].map(f=>y0+f*(y1-y0));
  for(const t of ticks)s+=`<line class="axis" x1="${L}" x2="${W-R}" y1="${Y(t)}" y2="${Y(t)}"/><text x="${L-6}" y="${Y(t)+4}" text-anchor="end">${num(t)}</text>`;
  const xt=o.xt??[0,.25,.5,.75,1].map(f=>{const v=x0+f*(x1-x0);return[v,num(v)]});
  for(const[v,text]of xt)if(fx(v)<=x1+1e-9)s+=`<text x="${X(v)}" y="${H-B+16}" text-anchor="middle">${text}</text>`;
  s+=`<text x="${(L+W-R)/2}" y="${H-B+32}" text-anchor="middle">${o.xl}</text>`;
  series.forEach((q,i)=>{const c=colours[i%colours.length];const p=q.points.filter(p=>!o.logy||p[1]>0).map(p=>`${X(p[0]).toFixed(1)},${Y(p[1]).toFixed(1)}`).join(" ");
    s+=`<polyline fill="none" stroke="${c}" stroke-width="1.6" points="${p}"/>`;});
  let lx=L;const legend=series.map((q,i)=>{const t=`<tspan fill="${colours[i%colours.length]}">&#9632;</tspan> ${q.name.replace(/[&<>]/g,"")} &#160; `;return t}).join("");
  s+=`<text x="${lx}" y="${H-2}">${legend}</text></svg>`;
  el("div",undefined,body).innerHTML=s;
}
if(d.thresholds.length){el("h2","Thresholds",body);table(["phase","call","metric","value","wanted",""],d.thresholds.map(t=>[t.phase,t.call||"all",t.metric,num(t.value),t.goal,{text:t.ok?"ok":"FAIL",cls:t.ok?"good":"bad"}]))}
el("h2","Phases",body);
const rows=[];for(const p of d.phases){const add=(n,c)=>rows.push([p.name,n,p.in_flight?p.in_flight+" open":num(p.intended_rate)+"/s",num(c.ok_per_second),(100*c.error_ratio).toFixed(2)+"%",num(c.p50_ms),num(c.p90_ms),num(c.p99_ms),num(c.p999_ms),num(c.max_ms),n==="all"?num(p.server_cpu_us_per_call):""]);add("all",p.all);const names=Object.keys(p.calls);if(names.length>1)names.forEach(n=>add(n,p.calls[n]))}
table(["phase","call","intended","ok/s","errors","p50 ms","p90 ms","p99 ms","p99.9 ms","max ms","server us/call"],rows);
plot("Latency by percentile, ms",d.phases.filter(p=>p.measured&&p.all.latency_ms).map(p=>({name:p.name,points:p.all.latency_ms})),{logy:true,xl:"percentile",fx:q=>-Math.log10(Math.max(1-q,1e-6)),xt:[[0,"0"],[.5,"50"],[.9,"90"],[.99,"99"],[.999,"99.9"],[.9999,"99.99"],[.99999,"99.999"]]});
const step=d.timeline_step_seconds,t=d.timeline;
plot("Calls a second",[["started","started"],["ok","answered"],["failed","failed"]].map(([k,n])=>({name:n,points:t.map(p=>[p.seconds,p[k]/step])})),{xl:"seconds"});
plot("Latency over time, ms",[["p50_ms","p50"],["p99_ms","p99"]].map(([k,n])=>({name:n,points:t.map(p=>[p.seconds,p[k]])})),{xl:"seconds",logy:true});
if(t.some(p=>p.server_resident_bytes))plot("Server memory, MB",[{name:"resident",points:t.filter(p=>p.server_resident_bytes).map(p=>[p.seconds,p.server_resident_bytes/1e6])}],{xl:"seconds"});
</script></body></html>
)html";

std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

}  // namespace

std::string ToHtml(const Scenario& scenario, absl::string_view json) {
  // In a script element nothing but its end tag is special.
  return absl::StrReplaceAll(
      kPage, {{"TITLE", Escaped(absl::StrCat("Load test: ", scenario.name))},
              {"DATA", absl::StrReplaceAll(json, {{"</", "<\\/"}})}});
}

}  // namespace allot
