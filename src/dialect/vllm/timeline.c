/* timeline.c - a page that shows when each request waited and when its chunks came
 *
 *   a row a request:  |■■■■ time to first token ■■■■|▪|▪|▪|▪ gaps, coloured by two bounds |
 *
 * One HTML file without anything from elsewhere: the figures as numbers, and a script that draws those
 * in sight on a canvas. Times are milliseconds from the first request's start, to the microsecond.
 */
#include <math.h>
#include <stdio.h>

#include "base/jsonw.h"
#include "dialect/vllm/vllm.h"

/* What a browser still draws smoothly; requests beyond it are left out, and the page says so. */
#define MAX_SEGMENTS 4000000

static const char head[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Timeline</title><style>\n"
    "body{font:13px sans-serif;margin:12px;color:#222;background:#fff}\n"
    "#legend span{margin-right:18px;white-space:nowrap}\n"
    "#legend i{display:inline-block;width:11px;height:11px;margin-right:5px}\n"
    "#hint{color:#666;margin:6px 0}\n"
    "canvas{display:block;width:100%;cursor:crosshair}\n"
    "#tip{position:fixed;display:none;pointer-events:none;white-space:pre;padding:6px 9px;\n"
    " background:#fff;border:1px solid #888;box-shadow:0 1px 4px #0004}\n"
    "</style></head><body>\n"
    "<div id=\"legend\"></div>\n"
    "<div id=\"hint\">wheel: time, shift and wheel: requests, drag: move, double click: all</div>\n"
    "<canvas id=\"plot\"></canvas><div id=\"tip\"></div>\n"
    "<script>\n\"use strict\";\n";

/* bounds: ms; rows: [start, prompt tokens, output tokens, [time to first token, gaps …]] */
static const char drawing[] =
    "const colors=['#636EFA','#109618','#FF7F0E','#D62728'];\n"
    "const [low,high]=bounds;\n"
    "const labels=['TTFT',`ITL < ${low}ms`,`${low}ms \\u2264 ITL < ${high}ms`,`ITL \\u2265 ${high}ms`];\n"
    "const kind=(k,ms)=>k===0?0:ms<bounds[0]?1:ms<bounds[1]?2:3;\n"
    "const plot=document.getElementById('plot'),tip=document.getElementById('tip');\n"
    "const pen=plot.getContext('2d'),left=76,below=44;\n"
    "const last=rows.reduce((m,r)=>Math.max(m,r[3].reduce((s,d)=>s+d,r[0])),0)||1;\n"
    "let view,width,height,drag=null,isDue=false;\n"
    "const all=()=>({x0:0,x1:last*1.01,y0:0,y1:Math.max(rows.length,1)});\n"
    "const px=t=>left+(t-view.x0)/(view.x1-view.x0)*(width-left);\n"
    "const py=i=>(i-view.y0)/(view.y1-view.y0)*(height-below);\n"
    "const at=x=>view.x0+(x-left)/(width-left)*(view.x1-view.x0);\n"
    "const row=y=>view.y0+y/(height-below)*(view.y1-view.y0);\n"
    "function clock(ms){\n"
    " const s=ms/1000,two=n=>String(Math.floor(n)).padStart(2,'0');\n"
    " return two(s/3600)+':'+two(s%3600/60)+':'+(s%60).toFixed(3).padStart(6,'0');\n"
    "}\n"
    "function step(range,count){\n"
    " const raw=range/count,p=10**Math.floor(Math.log10(raw));\n"
    " return [1,2,5,10].map(f=>f*p).find(s=>s>=raw);\n"
    "}\n"
    "function axes(){\n"
    " const dx=step(view.x1-view.x0,Math.max((width-left)/130,1));\n"
    " const dy=Math.max(1,step(view.y1-view.y0,(height-below)/16));\n"
    " pen.font='12px sans-serif';pen.fillStyle='#444';pen.strokeStyle='#ddd';pen.textBaseline='middle';\n"
    " pen.textAlign='center';\n"
    " for(let t=Math.ceil(view.x0/dx)*dx;t<=view.x1;t+=dx){\n"
    "  pen.beginPath();pen.moveTo(px(t),0);pen.lineTo(px(t),height-below);pen.stroke();\n"
    "  pen.fillText(clock(t),Math.min(px(t),width-40),height-below+12);\n"
    " }\n"
    " pen.fillText('Time',(left+width)/2,height-10);\n"
    " pen.textAlign='right';\n"
    " for(let i=Math.ceil(view.y0/dy)*dy;i<Math.min(view.y1,rows.length);i+=dy)\n"
    "  pen.fillText('Req '+i,left-8,py(i+.5));\n"
    "}\n"
    "function bars(){\n"
    " const size=py(1)-py(0),gap=size>4?size*.1:0;\n"
    " pen.save();pen.beginPath();pen.rect(left,0,width-left,height-below);pen.clip();\n"
    " for(let i=Math.max(0,Math.floor(view.y0));i<Math.min(rows.length,view.y1);i++){\n"
    "  let t=rows[i][0];\n"
    "  rows[i][3].forEach((d,k)=>{\n"
    "   const a=px(t),b=px(t+=d);\n"
    "   if(b<left||a>width)return;\n"
    "   pen.fillStyle=colors[kind(k,d)];\n"
    "   pen.fillRect(a,py(i)+gap,Math.max(b-a-(b-a>4?1:0),.5),Math.max(size-2*gap,.5));\n"
    "  });\n"
    " }\n"
    " pen.restore();\n"
    "}\n"
    "function draw(){\n"
    " const scale=window.devicePixelRatio||1;\n"
    " isDue=false;width=plot.clientWidth;height=Math.max(200,window.innerHeight-80);\n"
    " plot.style.height=height+'px';plot.width=width*scale;plot.height=height*scale;\n"
    " pen.scale(scale,scale);axes();bars();\n"
    "}\n";

/* What the mouse does. */
static const char moving[] =
    "function show(){if(!isDue){isDue=true;requestAnimationFrame(draw);}}\n"
    "function zoom(lo,hi,mid,f){return[mid-(mid-lo)*f,mid+(hi-mid)*f];}\n"
    "function find(x,y){\n"
    " const i=Math.floor(row(y)),r=rows[i];\n"
    " let t=r?r[0]:0;\n"
    " for(let k=0;r&&k<r[3].length;k++){\n"
    "  if(at(x)>=t&&at(x)<t+r[3][k])return{i,r,k,t,d:r[3][k]};\n"
    "  t+=r[3][k];\n"
    " }\n"
    " return null;\n"
    "}\n"
    "function explain(e){\n"
    " const f=find(e.offsetX,e.offsetY);\n"
    " tip.style.display=f?'block':'none';\n"
    " if(!f)return;\n"
    " const end=f.r[3].reduce((s,d)=>s+d,f.r[0]);\n"
    " tip.textContent=`Req ${f.i}\\nType: ${labels[kind(f.k,f.d)]}\\nStart: ${clock(f.t)}\\n`+\n"
    "  `End: ${clock(f.t+f.d)}\\nDuration: ${(f.d/1000).toFixed(6)}s\\nPrompt Tokens: ${f.r[1]}\\n`+\n"
    "  `Output Tokens: ${f.r[2]}\\nRequest Start Time: ${clock(f.r[0])}\\nRequest End Time: ${clock(end)}`;\n"
    " tip.style.left=Math.min(e.clientX+14,window.innerWidth-tip.offsetWidth-8)+'px';\n"
    " tip.style.top=Math.min(e.clientY+14,window.innerHeight-tip.offsetHeight-8)+'px';\n"
    "}\n"
    "plot.onwheel=e=>{\n"
    " const f=(e.deltaY||e.deltaX)>0?1.25:.8;\n"
    " e.preventDefault();\n"
    " if(e.shiftKey)[view.y0,view.y1]=zoom(view.y0,view.y1,row(e.offsetY),f);\n"
    " else[view.x0,view.x1]=zoom(view.x0,view.x1,at(e.offsetX),f);\n"
    " show();\n"
    "};\n"
    "plot.onmousedown=e=>{drag={x:e.offsetX,y:e.offsetY,v:{...view}};};\n"
    "window.onmouseup=()=>{drag=null;};\n"
    "plot.onmouseleave=()=>{tip.style.display='none';};\n"
    "plot.onmousemove=e=>{\n"
    " if(!drag)return explain(e);\n"
    " const dx=(e.offsetX-drag.x)/(width-left)*(drag.v.x1-drag.v.x0);\n"
    " const dy=(e.offsetY-drag.y)/(height-below)*(drag.v.y1-drag.v.y0);\n"
    " view={x0:drag.v.x0-dx,x1:drag.v.x1-dx,y0:drag.v.y0-dy,y1:drag.v.y1-dy};show();\n"
    "};\n"
    "plot.ondblclick=()=>{view=all();show();};\n"
    "window.onresize=show;\n"
    "document.getElementById('legend').innerHTML=labels.map((l,i)=>\n"
    " `<span><i style=\"background:${colors[i]}\"></i>${l.replace('<','&lt;')}</span>`).join('');\n"
    "if(rows.length<total)document.getElementById('hint').textContent+=\n"
    " ` (the first ${rows.length} of ${total} requests: more would be too many to draw)`;\n"
    "view=all();draw();\n"
    "</script></body></html>\n";

static void put_bounds(const double bounds_ms[2], struct tk_buf *out)
{
    struct tk_jsonw w;

    tk_jsonw_init(&w, out, TK_JSONW_PYTHON); /* an infinite one is JavaScript's too */
    tk_jsonw_arr(&w);
    tk_jsonw_double(&w, bounds_ms[0]);
    tk_jsonw_double(&w, bounds_ms[1]);
    tk_jsonw_arr_end(&w);
}

/* "12.345", "0": milliseconds without zeros at the end. */
static void put_ms(double s, struct tk_buf *out)
{
    char text[64];
    int n = snprintf(text, sizeof(text), "%.3f", s * 1000);

    while (n > 0 && text[n - 1] == '0')
        n--;
    n -= n > 0 && text[n - 1] == '.';
    tk_buf_add(out, text, (size_t)TK_MAX(n, 0));
}

static void put_row(const struct tk_vllm_figures *f, const struct tk_vllm_request *q,
                    double first_s, struct tk_buf *out)
{
    tk_buf_add_c(out, '[');
    put_ms(q->start - first_s, out);
    tk_buf_addf(out, ",%lld,%lld,[", (long long)q->input_len, (long long)q->output_len);
    put_ms(q->ttft, out);
    for (size_t i = 0; i < q->n_itl; i++) {
        tk_buf_add_c(out, ',');
        put_ms(f->itls[q->itl_at + i], out);
    }
    tk_buf_add_z(out, "]],\n");
}

int tk_vllm_timeline(const struct tk_vllm_figures *f, const double bounds_ms[2], struct tk_buf *out)
{
    double first_s = INFINITY;
    size_t n_segments = 0;

    for (size_t i = 0; i < f->n_requests; i++)
        first_s = TK_MIN(first_s, f->requests[i].start);
    tk_buf_add_z(out, head);
    tk_buf_add_z(out, "const bounds=");
    put_bounds(bounds_ms, out);
    tk_buf_addf(out, ";\nconst total=%zu;\nconst rows=[\n", f->n_requests);
    for (size_t i = 0; i < f->n_requests; i++) {
        n_segments += f->requests[i].n_itl + 1;
        if (n_segments > MAX_SEGMENTS)
            break;
        put_row(f, &f->requests[i], first_s, out);
    }
    tk_buf_add_z(out, "];\n");
    tk_buf_add_z(out, drawing);
    tk_buf_add_z(out, moving);
    return out->failed;
}
